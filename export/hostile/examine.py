"""A model from outside, checked part by part before any runtime sees it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError, Message

from export.hostile.appetite import find_bombs
from export.hostile.beside import find_strays
from export.hostile.tensors import find_misfits
from export.hostile.walk import graphs_of, is_outside, tensors_of

DOMAINS = frozenset({"", "ai.onnx"})
"""Operator sets that every runtime has: all that a model may use, from outside or made here."""

MAX_NODES = 100_000
"""Of all graphs together; the largest network of the registry has some thousand."""
MAX_NESTING = 4
MAX_PROBLEMS = 5
"""As many are named; a hostile file can have any number."""


def parse(content: bytes) -> onnx.ModelProto:
    """Parse a model in full.

    Raises:
        DecodeError: It is cut short, damaged or something else.
    """
    try:
        proto: onnx.ModelProto = onnx.ModelProto.FromString(content)
    except DecodeError as cause:
        raise DecodeError(f"it is no ONNX model, or cut short ({cause})") from cause
    if not proto.graph.node:
        raise DecodeError("it holds no node")
    return proto


def examine(proto: onnx.ModelProto, folder: Path) -> list[str]:
    """Find what no model needs and an attacker might; nothing is computed.

    Args:
        proto: The model, without the weights that lie beside it.
        folder: Where those lie.

    Returns:
        What is wrong; nothing if the model may be tried.
    """
    # Each step relies on the ones before it.
    for step in (_check_size, _check_words, _check_frame, _check_operators):
        if found := list(islice(step(proto), MAX_PROBLEMS)):
            return found
    rest = chain(_check_tensors(proto), find_strays(proto, folder), find_bombs(proto))
    return list(islice(rest, MAX_PROBLEMS))


def weights_files(proto: onnx.ModelProto) -> list[str]:
    """Name the files beside a model that was examined."""
    locations = {
        entry.value
        for tensor in tensors_of(proto)
        if is_outside(tensor)
        for entry in tensor.external_data
        if entry.key == "location"
    }
    return sorted(locations)


def _check_size(proto: onnx.ModelProto) -> Iterator[str]:
    """Bound what the other steps walk through."""
    count = 0
    for graph, depth in graphs_of(proto.graph):
        count += len(graph.node) + len(graph.initializer)
        if depth > MAX_NESTING:
            yield f"graphs within graphs, more than {MAX_NESTING} deep"
            return
        if count > MAX_NODES:
            yield f"more than {MAX_NODES:,} nodes and tensors"
            return


def _check_words(message: Message) -> Iterator[str]:
    """Find text that is no text: Python gets it as bytes, where everybody expects words."""
    for field, value in message.ListFields():
        if field.type not in (field.TYPE_STRING, field.TYPE_MESSAGE):
            continue
        values = [value] if isinstance(value, (str, bytes, Message)) else value
        for part in values:
            if isinstance(part, Message):
                yield from _check_words(part)
            elif isinstance(part, bytes):
                yield f"{field.name} is not UTF-8: {part[:40]!r}"


def _check_frame(proto: onnx.ModelProto) -> Iterator[str]:
    """Check versions, and that there is nothing beside the graph."""
    if not 3 <= proto.ir_version <= onnx.IR_VERSION:
        yield f"IR version {proto.ir_version}, where 3 to {onnx.IR_VERSION} are known"
    versions = [entry.version for entry in proto.opset_import if entry.domain in DOMAINS]
    newest = onnx.defs.onnx_opset_version()
    if len(versions) != 1:
        yield f"{len(versions)} versions of the standard operators instead of one"
    elif not 1 <= versions[0] <= newest:
        yield f"opset {versions[0]}, where 1 to {newest} are known"
    if proto.functions:
        yield f"{len(proto.functions)} functions of its own"
    if proto.training_info:
        yield "a training graph"


def _check_operators(proto: onnx.ModelProto) -> Iterator[str]:
    """Allow standard operators that end by themselves: no loop, no branch."""
    for graph, _ in graphs_of(proto.graph):
        for node in graph.node:
            if node.domain not in DOMAINS:
                yield f"operator {node.op_type[:80]!r} of the domain {node.domain[:80]!r}"
            elif any(a.HasField("g") or a.graphs for a in node.attribute):
                yield f"{node.op_type[:80]}, which has a graph inside"


def _check_tensors(proto: onnx.ModelProto) -> Iterator[str]:
    for graph, _ in graphs_of(proto.graph):
        seen: dict[str, None] = {}
        if graph.sparse_initializer:
            yield "sparse tensors"
        for tensor in graph.initializer:
            if tensor.name in seen:
                yield f"two tensors called {tensor.name[:80]!r}"
            seen[tensor.name] = None
        yield from _check_inputs(graph)
    for node in (node for graph, _ in graphs_of(proto.graph) for node in graph.node):
        if any(a.HasField("sparse_tensor") or a.sparse_tensors for a in node.attribute):
            yield "sparse tensors"
    for tensor in tensors_of(proto):
        yield from find_misfits(tensor)


def _check_inputs(graph: onnx.GraphProto) -> Iterator[str]:
    """Bound what somebody would have to make to run the model."""
    for value in graph.input:
        axes = [axis.dim_value for axis in value.type.tensor_type.shape.dim]
        if any(axis < 0 for axis in axes):
            yield f"input {value.name[:80]!r} of shape {axes[:8]}"
