"""Weights of more than protobuf can write: one plain file beside the ONNX file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
import onnx_ir as ir

from export.hostile.beside import find_strays
from export.hostile.walk import is_outside, tensors_of

LARGEST_FILE = 2_000_000_000
"""Bytes of weights that may lie inside. Protobuf ends at 2 GiB; the rest is for the graph."""
WEIGHTS_SUFFIX = ".data"
"""What the file beside is called more than the ONNX file."""

_LARGEST_INSIDE = 1024
"""Bytes of a tensor that stays inside all the same: shape inference has to see sizes and axes."""
_ALIGNMENT = 65536
"""What the offsets of large tensors are a multiple of, bytes: ONNX Runtime maps them into memory
then, on Windows too, instead of reading them."""


def move_weights(traced: ir.Model, largest_file: int) -> bytes | None:
    """Move the weights out of a graph that is too large with them.

    Args:
        traced: The graph; its tensors lie outside afterwards.
        largest_file: Bytes of weights from which on they do.

    Returns:
        The content of the file beside it, where there is one.
    """
    if sum(tensor.nbytes for tensor in _tensors(traced)) <= largest_file:
        return None
    with TemporaryDirectory() as folder:
        ir.external_data.unload_from_model(
            traced,
            folder,
            f"model.onnx{WEIGHTS_SUFFIX}",
            size_threshold_bytes=_LARGEST_INSIDE,
            alignment=_ALIGNMENT,
        )
        return Path(folder, f"model.onnx{WEIGHTS_SUFFIX}").read_bytes()


def point_to(content: bytes, name: str) -> bytes:
    """Let a graph look for its weights in a file of another name, in its own folder."""
    proto = onnx.ModelProto.FromString(content)
    for tensor in filter(is_outside, tensors_of(proto)):
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = name
    found: bytes = proto.SerializeToString(deterministic=True)
    return found


def find_misplaced(proto: onnx.ModelProto, path: Path | None) -> Iterator[str]:
    """Find weights that are neither inside nor in the one file beside.

    Args:
        proto: The graph, without the weights that lie beside it.
        path: Where its file is; without one, all weights have to be inside.
    """
    outside = list(filter(is_outside, tensors_of(proto)))
    if path is None:
        yield from (f"{tensor.name} is in another file" for tensor in outside)
        return
    beside = path.with_name(path.name + WEIGHTS_SUFFIX)
    for tensor in outside:
        places = [entry.value for entry in tensor.external_data if entry.key == "location"]
        if places != [beside.name]:
            yield f"{tensor.name} is in {places}, not in {beside.name}"
    yield from find_strays(proto, path.parent)


def _tensors(traced: ir.Model) -> Iterator[ir.TensorProtocol]:
    for graph in traced.graphs():
        for value in graph.initializers.values():
            if value.const_value is not None:
                yield value.const_value
