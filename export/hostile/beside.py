"""Weights that lie beside a model: plain files of its own folder, and each number once."""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import onnx

from export.hostile.tensors import STORED, num_bytes
from export.hostile.walk import is_outside, tensors_of

WEIGHTS_FOLDER = "session.model_external_initializers_file_folder_path"
"""ONNX Runtime's option for where the weights of a model lie that is opened from bytes."""

_KEYS = frozenset({"location", "offset", "length", "checksum"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where the numbers of one tensor lie."""

    file: str
    begin: int
    end: int
    tensor: str


def find_strays(proto: onnx.ModelProto, folder: Path) -> Iterator[str]:
    """Find weights that are not where a model's weights belong.

    Absolute paths, other folders, links of either kind (ONNX Runtime follows hard ones), places
    behind a file's end, and places that two tensors share.
    """
    places: list[_Place] = []
    for tensor in tensors_of(proto):
        if is_outside(tensor):
            found = _locate(tensor, folder)
            if isinstance(found, str):
                yield f"tensor {tensor.name[:80]!r}: {found}"
            else:
                places.append(found)
    for one, other in pairwise(sorted(places, key=lambda p: (p.file, p.begin, p.end))):
        if one.file == other.file and other.begin < one.end and other.begin < other.end:
            yield f"tensors {one.tensor[:80]!r} and {other.tensor[:80]!r} overlap in {one.file!r}"


def _locate(tensor: onnx.TensorProto, folder: Path) -> _Place | str:
    """Find where a tensor lies, or say what is wrong with the place."""
    keys = [entry.key for entry in tensor.external_data]
    facts = {entry.key: entry.value for entry in tensor.external_data}
    if len(keys) != len(facts) or not facts.keys() <= _KEYS:
        return f"its place has the keys {keys[:8]}"
    name = facts.get("location", "")
    if not _is_bare(name):
        return f"its weights are in {name[:200]!r}, which is not a file of the model's folder"
    size = _plain_size(folder / name)
    if isinstance(size, str):
        return f"its weights are in {name[:200]!r}, which is {size}"
    begin, length = facts.get("offset", "0"), facts.get("length")
    if not all(text.isascii() and text.isdecimal() for text in (begin, length or "0")):
        return f"its weights begin at {begin[:40]!r} and have {(length or '')[:40]!r} bytes"
    return _fit(tensor, name, int(begin[:20]), int(length[:20]) if length else None, size)


def _fit(
    tensor: onnx.TensorProto, name: str, begin: int, length: int | None, size: int
) -> _Place | str:
    """Compare the place with the file and with what the tensor needs."""
    bits, _ = STORED.get(tensor.data_type, (0, ""))
    needed = num_bytes(math.prod(tensor.dims), bits)
    length = needed if length is None else length
    if begin + length > size:
        return f"its weights end at byte {begin + length:,} of {name!r}, which has {size:,}"
    if length != needed:
        return f"of shape {list(tensor.dims)[:8]}, it has {length:,} bytes in {name!r}"
    return _Place(file=name, begin=begin, end=begin + length, tensor=tensor.name)


def _is_bare(name: str) -> bool:
    """Tell whether a name is that of a file, on every system."""
    return name not in ("", ".", "..") and not set(name) & set("/\\:\0")


def _plain_size(path: Path) -> int | str:
    """Measure a file that is plain and nowhere else, or say what it is instead."""
    try:
        found = path.lstat()
    except (OSError, ValueError):
        return "missing"
    if stat.S_ISLNK(found.st_mode):
        return "a link"
    if not stat.S_ISREG(found.st_mode):
        return "no plain file"
    if found.st_nlink > 1 and os.name == "posix":
        return "a hard link: copy the folder to have files of its own"
    return found.st_size
