"""Ways in which exported graphs go wrong, done to graphs on purpose."""

from collections.abc import Callable

import numpy as np
import onnx
from onnx import GraphProto, NodeProto, helper, numpy_helper

Breakage = Callable[[GraphProto], None]


def nth(graph: GraphProto, operator: str, number: int) -> NodeProto:
    """Find the n-th node of an operator, from 0."""
    return [node for node in graph.node if node.op_type == operator][number]


def set_attribute(operator: str, number: int, **values: object) -> Breakage:
    """Give a node other attributes."""

    def break_it(graph: GraphProto) -> None:
        node = nth(graph, operator, number)
        kept = [entry for entry in node.attribute if entry.name not in values]
        del node.attribute[:]
        node.attribute.extend(kept)
        node.attribute.extend(helper.make_attribute(name, to) for name, to in values.items())

    return break_it


def change_weight(
    operator: str, number: int, function: Callable[[np.ndarray], np.ndarray], *, at: int = 1
) -> Breakage:
    """Change the weight that a node reads as its `at`-th input, for this node only."""

    def break_it(graph: GraphProto) -> None:
        node = nth(graph, operator, number)
        tensor = next(t for t in graph.initializer if t.name == node.input[at])
        changed = np.ascontiguousarray(function(numpy_helper.to_array(tensor).copy()))
        node.input[at] = f"changed_{tensor.name}"
        graph.initializer.append(numpy_helper.from_array(changed, node.input[at]))

    return break_it


def replace_operator(operator: str, number: int, other: str, **attributes: object) -> Breakage:
    """Compute something else with the same inputs."""

    def break_it(graph: GraphProto) -> None:
        node = nth(graph, operator, number)
        node.op_type = other
        if attributes:
            kept = [helper.make_attribute(name, value) for name, value in attributes.items()]
            del node.attribute[:]
            node.attribute.extend(kept)

    return break_it


def swap_inputs(operator: str, number: int) -> Breakage:
    """Exchange the two inputs of a node."""

    def break_it(graph: GraphProto) -> None:
        node = nth(graph, operator, number)
        node.input[:2] = [node.input[1], node.input[0]]

    return break_it


def drop_sum(number: int, *, keep: int = 0) -> Breakage:
    """Take a residual connection away: one summand goes on alone."""

    def break_it(graph: GraphProto) -> None:
        sums = [n for n in graph.node if n.op_type == "Add" and not _weights(graph, n)]
        node = sums[number]
        for reader in graph.node:
            reader.input[:] = [
                node.input[keep] if name == node.output[0] else name for name in reader.input
            ]
        graph.node.remove(node)

    return break_it


def use_batch_statistics(number: int) -> Breakage:
    """Do what BatchNorm does in training mode: normalise by the batch's own mean and variance."""

    def break_it(graph: GraphProto) -> None:
        node = nth(graph, "BatchNormalization", number)
        at = list(graph.node).index(node)
        x, scale, bias = node.input[:3]
        names = [f"live_{index}" for index in range(9)]
        axes, eps, shape = (
            numpy_helper.from_array(value, f"live_{name}")
            for name, value in {
                "axes": np.int64([0, 2, 3]),
                "eps": np.float32(1e-5),
                "shape": np.int64([-1, 1, 1]),
            }.items()
        )
        graph.initializer.extend([axes, eps, shape])
        steps = [
            ("ReduceMean", [x, axes.name], names[0]),
            ("Sub", [x, names[0]], names[1]),
            ("Mul", [names[1], names[1]], names[2]),
            ("ReduceMean", [names[2], axes.name], names[3]),
            ("Add", [names[3], eps.name], names[4]),
            ("Sqrt", [names[4]], names[5]),
            ("Div", [names[1], names[5]], names[6]),
            ("Reshape", [scale, shape.name], names[7]),
            ("Reshape", [bias, shape.name], names[8]),
            ("Mul", [names[6], names[7]], "live"),
            ("Add", ["live", names[8]], node.output[0]),
        ]
        graph.node.remove(node)
        for offset, (operator, inputs, output) in enumerate(steps):
            graph.node.insert(at + offset, helper.make_node(operator, inputs, [output]))

    return break_it


def swap_rows(output: str) -> Breakage:
    """Shuffle the classes of an answer."""

    def break_it(graph: GraphProto) -> None:
        node = next(node for node in graph.node if output in node.output)
        for name in node.input[1:]:
            tensor = next(t for t in graph.initializer if t.name == name)
            swapped = numpy_helper.to_array(tensor)[[1, 0, 2]]
            tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(swapped), name))

    return break_it


def scale_answer(output: str, factor: float) -> Breakage:
    """Divide by the temperature once more."""

    def break_it(graph: GraphProto) -> None:
        node = next(node for node in graph.node if output in node.output)
        node.output[0] = "before"
        graph.initializer.append(numpy_helper.from_array(np.float32(factor), "factor"))
        graph.node.append(helper.make_node("Mul", ["before", "factor"], [output]))

    return break_it


def burn_batch_in(number: int, size: int) -> Breakage:
    """Fix the batch in the shape that a Reshape reads."""

    def fix(shape: np.ndarray) -> np.ndarray:
        shape[0] = size
        return shape

    return change_weight("Reshape", number, fix)


def zero_channel(array: np.ndarray) -> np.ndarray:
    """Lose the first output channel."""
    array[0] = 0
    return array


def shift(array: np.ndarray) -> np.ndarray:
    """Move one number of a bias a little."""
    array[1] += 0.01
    return array


def round_to_half(array: np.ndarray) -> np.ndarray:
    """Keep what float16 keeps."""
    return array.astype(np.float16).astype(np.float32)


def flip(array: np.ndarray) -> np.ndarray:
    """Mirror a kernel."""
    return array[..., ::-1]


def rename_everything(proto: onnx.ModelProto) -> None:
    """Call every tensor inside otherwise, as another exporter does."""
    graph = proto.graph
    kept = {value.name for value in (*graph.input, *graph.output)}
    made = [name for node in graph.node for name in node.output if name not in kept]
    names = {name: f"/node_{at}_output_0" for at, name in enumerate(made)}
    names |= {t.name: f"onnx::weight_{at}" for at, t in enumerate(graph.initializer)}
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for tensor in graph.initializer:
        tensor.name = names[tensor.name]


def _weights(graph: GraphProto, node: NodeProto) -> bool:
    return any(tensor.name in node.input for tensor in graph.initializer)
