"""Small models that attack whoever opens them, and one that does not."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def make_graph(
    *nodes: onnx.NodeProto, weights: Sequence[onnx.TensorProto] = (), domain: str = ""
) -> onnx.ModelProto:
    """Make a model from `x` [batch, 4] to `y` of the given nodes."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 4])],
        weights,
    )
    opsets = [helper.make_opsetid("", 20)]
    opsets += [helper.make_opsetid(domain, 1)] if domain else []
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def add_weight(weight: onnx.TensorProto) -> onnx.ModelProto:
    """Make the model that adds a weight called `w`."""
    return make_graph(helper.make_node("Add", ["x", "w"], ["y"]), weights=[weight])


def weight_beside(location: str, dims: Sequence[int] = (4,), **place: object) -> onnx.TensorProto:
    """Make a float32 weight whose numbers lie in a file."""
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=dims)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **place}.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def made_huge(*node: object, **constants: object) -> onnx.ModelProto:
    """Make a model in which one node makes a tensor that is then summed up."""
    weights = [numpy_helper.from_array(np.array(value), name) for name, value in constants.items()]
    return make_graph(
        helper.make_node(*node),
        helper.make_node("Cast", ["huge"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["floats"], ["sum"], keepdims=0),
        helper.make_node("Add", ["x", "sum"], ["y"]),
        weights=weights,
    )


def _numbers(**changes: object) -> onnx.TensorProto:
    """Make four numbers, then let the tensor say something else of itself."""
    tensor = numpy_helper.from_array(np.zeros(4, np.float32), "w")
    if "dims" in changes:
        del tensor.dims[:]
        tensor.dims.extend(changes["dims"])
    if "data_type" in changes:
        tensor.data_type = changes["data_type"]
    return tensor


def _endless_loop() -> onnx.ModelProto:
    kinds = {"i": (TensorProto.INT64, []), "again": (TensorProto.BOOL, [])}
    inputs = [helper.make_tensor_value_info(name, *kind) for name, kind in kinds.items()]
    value = helper.make_tensor_value_info("v", TensorProto.FLOAT, None)
    outputs = [
        helper.make_tensor_value_info("more", TensorProto.BOOL, []),
        helper.make_tensor_value_info("w", TensorProto.FLOAT, None),
    ]
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["again"], ["more"]),
            helper.make_node("Identity", ["v"], ["w"]),
        ],
        "body",
        [*inputs, value],
        outputs,
    )
    true = numpy_helper.from_array(np.ones((), np.bool_), "true")
    return make_graph(helper.make_node("Loop", ["", "true", "x"], ["y"], body=body), weights=[true])


def _nested(depth: int = 12) -> onnx.ModelProto:
    answer = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    leaf = [helper.make_node("Identity", ["x"], ["y"])]
    graph = helper.make_graph(leaf, "leaf", [], [answer])
    for _ in range(depth):
        branch = {"then_branch": graph, "else_branch": helper.make_graph(leaf, "e", [], [answer])}
        graph = helper.make_graph(
            [helper.make_node("If", ["true"], ["y"], **branch)], "g", [], [answer]
        )
    true = numpy_helper.from_array(np.ones((), np.bool_), "true")
    return make_graph(*graph.node, weights=[true])


def _with_function() -> onnx.ModelProto:
    model = make_graph(helper.make_node("F", ["x"], ["y"], domain="own"), domain="own")
    relu = helper.make_node("Relu", ["a"], ["b"])
    opsets = [helper.make_opsetid("", 20)]
    model.functions.append(helper.make_function("own", "F", ["a"], ["b"], [relu], opsets))
    return model


def _with_sparse_weight() -> onnx.ModelProto:
    model = add_weight(_numbers())
    sparse = model.graph.sparse_initializer.add(dims=[2 * 10**9])
    sparse.values.CopyFrom(numpy_helper.from_array(np.ones(1, np.float32), "s"))
    sparse.indices.CopyFrom(numpy_helper.from_array(np.array([10**9]), "i"))
    return model


def _changed(change: Callable[[onnx.ModelProto], object]) -> Callable[[], onnx.ModelProto]:
    def make() -> onnx.ModelProto:
        model = add_weight(_numbers())
        change(model)
        return model

    return make


def _two_of_a_name(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(_numbers())


BESIDE: dict[str, tuple[Callable[[], onnx.ModelProto], str]] = {
    "in another folder": (lambda: add_weight(weight_beside("../outside.bin")), "not a file of"),
    "behind a folder": (lambda: add_weight(weight_beside("sub/weights.bin")), "not a file of"),
    "behind a backslash": (lambda: add_weight(weight_beside("..\\w.bin")), "not a file of"),
    "absolute": (lambda: add_weight(weight_beside("/dev/zero")), "not a file of"),
    "nowhere": (lambda: add_weight(weight_beside("none.bin")), "missing"),
    "behind a link": (lambda: add_weight(weight_beside("linked.bin")), "a link"),
    "behind a hard link": (lambda: add_weight(weight_beside("hard.bin")), "a hard link"),
    "in a pipe": (lambda: add_weight(weight_beside("pipe.bin")), "no plain file"),
    "behind the end": (lambda: add_weight(weight_beside("weights.bin", offset=60)), "end at byte"),
    "before the beginning": (
        lambda: add_weight(weight_beside("weights.bin", offset=-4)),
        "begin at '-4'",
    ),
    "too few": (
        lambda: add_weight(weight_beside("weights.bin", (1_000_000,), length=16)),
        "it has 16 bytes",
    ),
    "said twice": (
        lambda: add_weight(_twice(weight_beside("weights.bin"))),
        "its place has the keys",
    ),
    "shared": (
        lambda: make_graph(
            helper.make_node("Add", ["x", "w"], ["z"]),
            helper.make_node("Add", ["z", "v"], ["y"]),
            weights=[
                weight_beside("weights.bin", offset=0, length=16),
                _renamed(weight_beside("weights.bin", offset=8, length=16), "v"),
            ],
        ),
        "overlap in 'weights.bin'",
    ),
}
"""Weights that are not where weights belong, and what is said of each."""


def _twice(tensor: onnx.TensorProto) -> onnx.TensorProto:
    tensor.external_data.add(key="location", value="../outside.bin")
    return tensor


def _renamed(tensor: onnx.TensorProto, name: str) -> onnx.TensorProto:
    tensor.name = name
    return tensor


def fill_folder(folder: Path) -> Path:
    """Put what those weights name into a folder, and one file outside of it."""
    (folder / "sub").mkdir(parents=True)
    numbers = np.arange(16, dtype=np.float32).tobytes()
    for path in (folder / "weights.bin", folder.parent / "outside.bin", folder / "twin.bin"):
        path.write_bytes(numbers)
    (folder / "sub" / "weights.bin").write_bytes(numbers)
    (folder / "linked.bin").symlink_to(folder.parent / "outside.bin")
    (folder / "hard.bin").hardlink_to(folder / "twin.bin")
    os.mkfifo(folder / "pipe.bin")
    return folder


INSIDE: dict[str, tuple[Callable[[], onnx.ModelProto], str]] = {
    "custom operator": (
        lambda: make_graph(helper.make_node("Foo", ["x"], ["y"], domain="evil"), domain="evil"),
        "operator 'Foo' of the domain 'evil'",
    ),
    "another runtime's operator": (
        lambda: make_graph(
            helper.make_node("EPContext", ["x"], ["y"], domain="com.microsoft"),
            domain="com.microsoft",
        ),
        "operator 'EPContext'",
    ),
    "function": (_with_function, "1 functions of its own"),
    "training graph": (_changed(lambda m: m.training_info.add()), "a training graph"),
    "endless loop": (_endless_loop, "Loop, which has a graph inside"),
    "nested": (_nested, "more than 4 deep"),
    "unknown opset": (
        _changed(lambda m: setattr(m.opset_import[0], "version", 99)),
        "opset 99, where 1 to",
    ),
    "two opsets": (
        _changed(lambda m: m.opset_import.add(domain="ai.onnx", version=18)),
        "2 versions of the standard operators",
    ),
    "unknown IR": (_changed(lambda m: setattr(m, "ir_version", 99)), "IR version 99"),
    "short tensor": (lambda: add_weight(_numbers(dims=[1000])), "holds 16 in raw_data"),
    "long tensor": (lambda: add_weight(_numbers(dims=[2])), "holds 16 in raw_data"),
    "negative tensor": (lambda: add_weight(_numbers(dims=[-4])), r"of shape \[-4\]"),
    "overflowing tensor": (
        lambda: add_weight(_numbers(dims=[2**32, 2**32, 4])),
        "holds 16 in raw_data",
    ),
    "text": (
        lambda: add_weight(_numbers(data_type=TensorProto.STRING)),
        "which is no number",
    ),
    "unknown type": (lambda: add_weight(_numbers(data_type=99)), "which is no number"),
    "two of a name": (_changed(_two_of_a_name), "two tensors called 'w'"),
    "sparse": (_with_sparse_weight, "sparse tensors"),
    "huge constant": (
        lambda: made_huge("ConstantOfShape", ["n"], ["huge"], n=[10**15]),
        "ConstantOfShape makes",
    ),
    "huge product": (
        lambda: made_huge("ConstantOfShape", ["n"], ["huge"], n=[2**32, 2**32]),
        "ConstantOfShape makes",
    ),
    "huge view": (
        lambda: made_huge("Expand", ["v", "n"], ["huge"], v=[0.0], n=[10**12]),
        "Expand makes",
    ),
    "huge tile": (lambda: made_huge("Tile", ["v", "n"], ["huge"], v=[0.0], n=[10**12]), "Tile"),
    "huge range": (
        lambda: made_huge("Range", ["a", "b", "c"], ["huge"], a=0, b=10**12, c=1),
        "Range makes",
    ),
    "huge margin": (
        lambda: made_huge("Pad", ["v", "n"], ["huge"], v=[0.0], n=[0, 10**12]),
        "Pad makes",
    ),
    "huge picture": (
        lambda: made_huge(
            *("Resize", ["v", "", "n"], ["huge"]),
            v=np.zeros((1, 1, 1, 1), np.float32),
            n=np.array([1, 1, 1e6, 1e6], np.float32),
        ),
        "Resize makes",
    ),
}
"""Attacks that need no other file, and what is said of each."""
