"""Raw graphs around a network that averages each colour, and ways to break their preprocessing."""

from collections.abc import Callable, Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.interface import BATCH, INPUT, name_outputs
from zoo.inputs.contract import Preprocess
from zoo.targets import Target

CONTRACT = Preprocess(
    size=32,
    resize=37,
    interpolation="bicubic",
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
)


def average_colours(
    *targets: Target, size: int = CONTRACT.size, opset: int = 20
) -> onnx.ModelProto:
    """A network whose outputs are the first of the three mean colours, for each target."""
    nodes = [
        helper.make_node("GlobalAveragePool", [INPUT], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["means"]),
    ]
    constants, outputs = [], []
    for target, name in zip(targets, name_outputs(targets).values(), strict=True):
        picked = np.arange(target.num_outputs)
        constants.append(numpy_helper.from_array(picked, f"{name}_picked"))
        nodes.append(helper.make_node("Gather", ["means", f"{name}_picked"], [name], axis=1))
        axes = [BATCH, target.num_outputs]
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, axes))
    given = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [BATCH, 3, size, size])
    graph = helper.make_graph(nodes, "main_graph", [given], outputs, constants)
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10, producer_name="test"
    )


def node_of(proto: onnx.ModelProto, output: str) -> onnx.NodeProto:
    """Find what computes a tensor of the preprocessing."""
    return next(node for node in proto.graph.node if f"preprocess/{output}" in node.output)


def set_attribute(proto: onnx.ModelProto, output: str, **changes: object) -> None:
    """Change attributes of the node that computes a tensor."""
    node = node_of(proto, output)
    kept = [entry for entry in node.attribute if entry.name not in changes]
    del node.attribute[:]
    node.attribute.extend([*kept, *(helper.make_attribute(k, v) for k, v in changes.items())])


def _resize(**changes: object) -> Callable[[onnx.ModelProto], None]:
    return lambda proto: set_attribute(proto, "resized", **changes)


def _constant(name: str, values: float | Sequence[float]) -> Callable[[onnx.ModelProto], None]:
    def change(proto: onnx.ModelProto) -> None:
        tensor = next(t for t in proto.graph.initializer if t.name == f"preprocess/{name}")
        old = numpy_helper.to_array(tensor)
        new = np.asarray(values, old.dtype).reshape(old.shape)
        tensor.CopyFrom(numpy_helper.from_array(new, tensor.name))

    return change


def _swap_inputs(output: str, *inputs: str) -> Callable[[onnx.ModelProto], None]:
    def change(proto: onnx.ModelProto) -> None:
        node_of(proto, output).input[:] = [f"preprocess/{name}" for name in inputs]

    return change


def _read_bgr(proto: onnx.ModelProto) -> None:
    backwards = numpy_helper.from_array(np.array([2, 1, 0]), "backwards")
    proto.graph.initializer.append(backwards)
    proto.graph.node.insert(0, helper.make_node("Gather", ["images", "backwards"], ["bgr"], axis=3))
    node_of(proto, "transposed").input[0] = "bgr"


def _round_long_side(proto: onnx.ModelProto) -> None:
    """To the nearest, as Resize's own keep_aspect_ratio_policy does."""
    at = [node.output[0] for node in proto.graph.node].index("preprocess/sides")
    for node in (
        helper.make_node("Div", ["preprocess/short", "preprocess/two"], ["half_short"]),
        helper.make_node("Add", ["preprocess/scaled", "half_short"], ["rounded"]),
    ):
        proto.graph.node.insert(at, node)
        at += 1
    node_of(proto, "sides").input[0] = "rounded"


def _skip(output: str) -> Callable[[onnx.ModelProto], None]:
    """Let through what a node is given."""

    def change(proto: onnx.ModelProto) -> None:
        node = node_of(proto, output)
        node.op_type, node.input[:] = "Identity", node.input[:1]

    return change


MISTAKES: dict[str, Callable[[onnx.ModelProto], None]] = {
    "no antialias": _resize(antialias=0),
    "kernel beyond the border": _resize(exclude_outside=0),
    "ONNX's cubic coefficient": _resize(cubic_coeff_a=-0.75),
    "bilinear filter": _resize(mode="linear"),
    "asymmetric coordinates": _resize(coordinate_transformation_mode="asymmetric"),
    "aligned corners": _resize(coordinate_transformation_mode="align_corners"),
    "crop's corner rounded down": _swap_inputs("start", "excess", "two"),
    "crop at the corner": _swap_inputs("start", "odd", "two"),
    "long side rounded to the nearest": _round_long_side,
    "sides exchanged": _swap_inputs("given", "width", "height"),
    "BGR": _read_bgr,
    "mean of BGR": _constant("mean", CONTRACT.mean[::-1]),
    "mean of nobody": _constant("mean", (0.5, 0.5, 0.5)),
    "deviation of nobody": _constant("std", (0.226, 0.226, 0.226)),
    "white is 256": _constant("white", 256),
    "not scaled": _skip("unit"),
    "not centred": _skip("centred"),
}
"""What exporters and hand-written servers get wrong, by name."""
