"""Does a tensor hold as many numbers as it says?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import onnx
from onnx import TensorProto as T

from export.hostile.walk import is_outside

Field = str


def find_misfits(tensor: onnx.TensorProto) -> Iterator[str]:
    """Find what is wrong with the numbers inside a tensor; those beside the model are not read."""
    name = tensor.name[:80]
    stored = STORED.get(tensor.data_type)
    if stored is None:
        yield f"tensor {name!r} of type {tensor.data_type}, which is no number"
        return
    if any(axis < 0 for axis in tensor.dims):
        yield f"tensor {name!r} of shape {list(tensor.dims)[:8]}"
        return
    if tensor.HasField("segment"):
        yield f"tensor {name!r} is one part of a larger one"
        return
    held = [field for field in _FIELDS if len(getattr(tensor, field))]
    count, (bits, typed) = math.prod(tensor.dims), stored
    if is_outside(tensor):
        wanted: dict[Field, int] = {}
    elif held == [typed]:
        wanted = {typed: _entries(count, bits, tensor.data_type)}
    else:
        wanted = {"raw_data": num_bytes(count, bits)} if count else {}
    found = {field: len(getattr(tensor, field)) for field in held}
    if found != wanted:
        held_text = ", ".join(f"{size:,} in {field}" for field, size in found.items()) or "nothing"
        yield f"tensor {name!r} of shape {list(tensor.dims)[:8]} holds {held_text}"


def num_bytes(count: int, bits: int) -> int:
    """Count the bytes that numbers take, packed."""
    return -(-count * bits // 8)


def _entries(count: int, bits: int, kind: int) -> int:
    """Count the entries of a field that holds numbers as they are: complex ones take two."""
    if kind in (T.COMPLEX64, T.COMPLEX128):
        return 2 * count
    return num_bytes(count, bits) if bits < 8 else count


_FIELDS = (
    *("raw_data", "float_data", "int32_data", "int64_data", "double_data", "uint64_data"),
    "string_data",
)
STORED: Mapping[int, tuple[int, Field]] = {
    T.FLOAT: (32, "float_data"),
    T.DOUBLE: (64, "double_data"),
    T.FLOAT16: (16, "int32_data"),
    T.BFLOAT16: (16, "int32_data"),
    T.FLOAT8E4M3FN: (8, "int32_data"),
    T.FLOAT8E4M3FNUZ: (8, "int32_data"),
    T.FLOAT8E5M2: (8, "int32_data"),
    T.FLOAT8E5M2FNUZ: (8, "int32_data"),
    T.UINT8: (8, "int32_data"),
    T.INT8: (8, "int32_data"),
    T.UINT16: (16, "int32_data"),
    T.INT16: (16, "int32_data"),
    T.INT32: (32, "int32_data"),
    T.INT64: (64, "int64_data"),
    T.UINT32: (32, "uint64_data"),
    T.UINT64: (64, "uint64_data"),
    T.BOOL: (8, "int32_data"),
    T.UINT4: (4, "int32_data"),
    T.INT4: (4, "int32_data"),
    T.COMPLEX64: (64, "float_data"),
    T.COMPLEX128: (128, "double_data"),
}
"""Of each type: the bits of a number, and the field that holds it if `raw_data` does not
(https://onnx.ai/onnx/repo-docs/IR.html, TensorProto). Text is no number."""
