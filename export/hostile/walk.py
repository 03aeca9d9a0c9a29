"""All graphs and all tensors of a model, wherever they are."""

from __future__ import annotations

from collections.abc import Iterator

import onnx


def graphs_of(graph: onnx.GraphProto, depth: int = 0) -> Iterator[tuple[onnx.GraphProto, int]]:
    """Walk a graph and those inside its nodes, each with its depth.

    Protobuf's parser itself refuses what is nested a hundred messages deep.
    """
    yield graph, depth
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from graphs_of(attribute.g, depth + 1)
            for inner in attribute.graphs:
                yield from graphs_of(inner, depth + 1)


def tensors_of(proto: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Walk the weights and the constants."""
    for graph, _ in graphs_of(proto.graph):
        yield from graph.initializer
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    yield attribute.t
                yield from attribute.tensors


def is_outside(tensor: onnx.TensorProto) -> bool:
    """Tell whether a tensor's numbers lie in another file."""
    return tensor.data_location == onnx.TensorProto.EXTERNAL or bool(tensor.external_data)
