"""Small files that ask for much memory, where the sizes are constants of the graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import onnx
from onnx import numpy_helper

from export.hostile.tensors import find_misfits
from export.hostile.walk import graphs_of

MAX_NUMBERS = 2**28
"""Of one tensor: a gigabyte of float32. The largest activation of any network in the registry
has some tens of millions for an image."""
_FEW = 64
"""Shapes and scales have at most as many numbers."""
Constants = Mapping[str, Sequence[float]]


def find_bombs(proto: onnx.ModelProto) -> Iterator[str]:
    """Find nodes that make huge tensors from constants; the others are tried in a child."""
    for graph, _ in graphs_of(proto.graph):
        constants = dict(_constants_of(graph))
        for node in graph.node:
            measure = _MADE.get(node.op_type)
            made = measure(node, constants) if measure else 0
            if not made <= MAX_NUMBERS:
                yield f"{node.op_type} makes a tensor of more than {MAX_NUMBERS:,} numbers"
        for value in graph.input:
            axes = (axis.dim_value or 1 for axis in value.type.tensor_type.shape.dim)
            if math.prod(axes) > MAX_NUMBERS:
                yield f"input {value.name[:80]!r} has more than {MAX_NUMBERS:,} numbers"


def _constants_of(graph: onnx.GraphProto) -> Iterator[tuple[str, Sequence[float]]]:
    for tensor in graph.initializer:
        yield tensor.name, _few_numbers(tensor)
    for node in graph.node:
        for attribute in node.attribute if node.op_type == "Constant" else ():
            for output in node.output[:1]:
                yield output, _few_of_attribute(attribute)


def _few_of_attribute(attribute: onnx.AttributeProto) -> Sequence[float]:
    if attribute.HasField("t"):
        return _few_numbers(attribute.t)
    found: dict[str, Sequence[float]] = {
        "value_int": [attribute.i],
        "value_float": [attribute.f],
        "value_ints": attribute.ints[:_FEW],
        "value_floats": attribute.floats[:_FEW],
    }
    return found.get(attribute.name, [])


def _few_numbers(tensor: onnx.TensorProto) -> Sequence[float]:
    """Read a small tensor of whole or floating numbers; others are no shapes."""
    sound = tensor.data_type in _SHAPES and not any(find_misfits(tensor))
    if not sound or tensor.external_data or math.prod(tensor.dims) > _FEW:
        return []
    numbers: list[float] = numpy_helper.to_array(tensor).ravel().tolist()
    return numbers


_SHAPES = (onnx.TensorProto.INT64, onnx.TensorProto.INT32, onnx.TensorProto.FLOAT)


def _input(node: onnx.NodeProto, constants: Constants, at: int) -> Sequence[float]:
    return constants.get(node.input[at], []) if at < len(node.input) else []


def _product(at: int) -> Callable[[onnx.NodeProto, Constants], float]:
    """Multiply the numbers of an input."""
    return lambda node, constants: math.prod(map(abs, _input(node, constants, at)))


def _range(node: onnx.NodeProto, constants: Constants) -> float:
    start, limit, step = (_input(node, constants, at)[:1] or [0] for at in range(3))
    return float(abs(limit[0] - start[0]) / abs(step[0])) if step[0] else 0.0


def _pad(node: onnx.NodeProto, constants: Constants) -> float:
    return max(map(abs, _input(node, constants, 1)), default=0)


def _resize(node: onnx.NodeProto, constants: Constants) -> float:
    by_scale = math.prod(map(abs, _input(node, constants, 2)))
    return max(math.prod(map(abs, _input(node, constants, 3))), by_scale)


def _random(node: onnx.NodeProto, constants: Constants) -> float:
    del constants
    sizes = (n for a in node.attribute if a.name == "shape" for n in a.ints[:_FEW])
    return float(math.prod(map(abs, sizes)))


_MADE: Mapping[str, Callable[[onnx.NodeProto, Constants], float]] = {
    "ConstantOfShape": _product(0),
    "Expand": _product(1),
    "OneHot": _product(1),
    "Pad": _pad,
    "RandomNormal": _random,
    "RandomUniform": _random,
    "Range": _range,
    "Resize": _resize,
    "Tile": _product(1),
}
"""How many numbers an operator makes of constants, or at least how many times what it is given."""
