"""What a float16 file computes where there is float16, on a processor that has none.

On a CPU ONNX Runtime widens the nodes of such a file to float32 and drops the casts between them:
nothing is rounded and nothing overflows, so that its answers say nothing about those on a GPU.
Casts that are written down are carried out, though. So each result is cast to float16 here, as a
processor with float16 would round it; sums within a node stay in float32, as they do on GPUs.
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx
import torch
from onnx import TensorProto, helper

from export.precision.report import Precision
from zoo.errors import ExportError


def is_emulated(precision: Precision, device: torch.device) -> bool:
    """Tell whether a device shows what a file computes only where it is written down."""
    return precision == "fp16" and device.type == "cpu"


def stand_in_for(content: bytes, precision: Precision, device: torch.device) -> bytes:
    """Give what to run on a device to learn what a file computes.

    Raises:
        ExportError: It is unknown which of its tensors are float16.
    """
    return emulate_half(content) if is_emulated(precision, device) else content


def emulate_half(content: bytes) -> bytes:
    """Write down every rounding of a float16 file.

    Raises:
        ExportError: It is unknown which of its tensors are float16.
    """
    proto = _infer_types(onnx.load_from_string(content))
    halves = _half_tensors(proto.graph)
    nodes = [part for node in proto.graph.node for part in _round_around(node, halves)]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    del proto.graph.value_info[:]
    emulated: bytes = proto.SerializeToString(deterministic=True)
    return emulated


def _infer_types(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Find the type of every tensor; one that is unknown would not be rounded, and so hide."""
    try:
        typed = onnx.shape_inference.infer_shapes(proto, strict_mode=True)
    except onnx.shape_inference.InferenceError as cause:
        raise _unknown(str(cause)) from cause
    known = {value.name for value in (*typed.graph.value_info, *typed.graph.output)} | {""}
    made = (name for node in typed.graph.node for name in node.output)
    if missing := [name for name in made if name not in known]:
        raise _unknown(f"nothing tells of {missing[0]!r}")
    return typed


def _unknown(reason: str) -> ExportError:
    return ExportError(
        f"it is unknown what a float16 file computes in: {reason}", hint="export it again"
    )


def _half_tensors(graph: onnx.GraphProto) -> set[str]:
    """List the tensors that are float16, weights among them."""
    values = (*graph.value_info, *graph.input, *graph.output)
    typed = {v.name for v in values if v.type.tensor_type.elem_type == TensorProto.FLOAT16}
    return typed | {t.name for t in graph.initializer if t.data_type == TensorProto.FLOAT16}


def _round_around(node: onnx.NodeProto, halves: set[str]) -> Iterator[onnx.NodeProto]:
    """Let a node compute in float32 on what is widened before it, and round what it gives.

    New tensors are called after those that the node makes, which no other does.
    """
    if node.op_type == "Cast" or not halves.intersection(node.input):
        yield node
        return
    rounding, made = [], next(name for name in node.output if name)
    for at, name in enumerate(node.input):
        if name in halves:
            node.input[at] = f"{made}/wide/{at}"
            yield _cast(name, node.input[at], TensorProto.FLOAT)
    for at, name in enumerate(node.output):
        if name in halves:
            node.output[at] = f"{made}/exact/{at}"
            rounding.append(_cast(node.output[at], name, TensorProto.FLOAT16))
    yield node
    yield from rounding


def _cast(source: str, result: str, kind: int) -> onnx.NodeProto:
    return helper.make_node("Cast", [source], [result], name=f"cast/{result}", to=kind)
