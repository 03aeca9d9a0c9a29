"""Casts that a converter leaves behind and that would round, or overflow, where nothing has to."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import onnx
from onnx import TensorProto


def mend_casts(graph: onnx.GraphProto, original: Collection[str]) -> None:
    """Join float32 neighbours directly, and make no tensor twice.

    Between two nodes that stay in float32 the converter of ONNX Runtime still passes through
    float16, where the very numbers overflow for which they were kept; and it casts a tensor once
    for each that reads it, under one name, which ONNX forbids.

    Args:
        graph: What the converter made; it is changed.
        original: The nodes that were there before, whose casts are the network's own.
    """
    _drop_twins(graph)
    _join(graph, original)
    _drop_unread(graph, original)


def _drop_twins(graph: onnx.GraphProto) -> None:
    """Keep the first of several nodes that make the same tensor."""
    made: set[str] = set()
    for node in list(graph.node):
        if node.op_type == "Cast" and node.output[0] in made:
            graph.node.remove(node)
        made.update(node.output)


def _join(graph: onnx.GraphProto, original: Collection[str]) -> None:
    """Read the float32 tensor itself where it is cast to float16 and back."""
    casts = [node for node in graph.node if node.op_type == "Cast" and node.name not in original]
    before = {n.output[0]: n.input[0] for n in casts if _kind_of(n) == TensorProto.FLOAT16}
    outputs = {value.name for value in graph.output}
    renamed: dict[str, str] = {}
    for node in casts:
        if _kind_of(node) == TensorProto.FLOAT and node.input[0] in before:
            wide, again = before[node.input[0]], node.output[0]
            renamed |= {wide: again} if again in outputs else {again: wide}
            graph.node.remove(node)
    _rename(graph, renamed)


def _drop_unread(graph: onnx.GraphProto, original: Collection[str]) -> None:
    """Remove casts to float16 that nobody reads any more; what they read gets its name back."""
    read = {name for node in graph.node for name in node.input}
    ends = {value.name for value in (*graph.input, *graph.output)}
    renamed: dict[str, str] = {}
    for node in list(graph.node):
        if node.name not in original and not (read | ends).intersection(node.output):
            graph.node.remove(node)
            renamed |= {} if node.input[0] in ends else {node.input[0]: node.output[0]}
    _rename(graph, renamed)


def _rename(graph: onnx.GraphProto, renamed: Mapping[str, str]) -> None:
    """Call tensors by their last name: one may be renamed twice."""
    for node in graph.node:
        for names in (node.input, node.output):
            for at, name in enumerate(names):
                while name in renamed:
                    name = renamed[name]
                names[at] = name


def _kind_of(cast: onnx.NodeProto) -> int:
    """Tell what a cast turns tensors into."""
    kind: int = next(attribute.i for attribute in cast.attribute if attribute.name == "to")
    return kind
