"""What a float16 file computes where there is float16, on a processor that has none.

On a CPU ONNX Runtime widens the nodes of such a file to float32 and drops the casts between them:
nothing is rounded and nothing overflows, so that its answers say nothing about those on a GPU.
Casts that are written down are carried out, though. So each result is cast to float16 here, as a
processor with float16 would round it; sums within a node stay in float32, as they do on GPUs.
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx
from onnx import TensorProto, helper


def emulate_half(content: bytes) -> bytes:
    """Write down every rounding of a float16 file."""
    proto = onnx.shape_inference.infer_shapes(onnx.load_from_string(content))
    halves = _half_tensors(proto.graph)
    nodes = [part for node in proto.graph.node for part in _round_around(node, halves)]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    del proto.graph.value_info[:]
    emulated: bytes = proto.SerializeToString(deterministic=True)
    return emulated


def _half_tensors(graph: onnx.GraphProto) -> set[str]:
    """List the tensors that are float16, weights among them."""
    values = (*graph.value_info, *graph.input, *graph.output)
    typed = {v.name for v in values if v.type.tensor_type.elem_type == TensorProto.FLOAT16}
    return typed | {t.name for t in graph.initializer if t.data_type == TensorProto.FLOAT16}


def _round_around(node: onnx.NodeProto, halves: set[str]) -> Iterator[onnx.NodeProto]:
    """Let a node compute in float32 on what is widened before it, and round what it gives."""
    if node.op_type == "Cast" or not halves.intersection(node.input):
        yield node
        return
    rounding = []
    for at, name in enumerate(node.input):
        if name in halves:
            node.input[at] = f"{node.name}/wide/{at}"
            yield _cast(name, node.input[at], TensorProto.FLOAT)
    for at, name in enumerate(node.output):
        if name in halves:
            node.output[at] = f"{node.name}/exact/{at}"
            rounding.append(_cast(node.output[at], name, TensorProto.FLOAT16))
    yield node
    yield from rounding


def _cast(source: str, result: str, kind: int) -> onnx.NodeProto:
    return helper.make_node("Cast", [source], [result], name=f"cast/{result}", to=kind)
