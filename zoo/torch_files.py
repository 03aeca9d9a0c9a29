"""What `torch.save` wrote, read without running anything that is in it."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor


def read_torch_file(path: Path) -> object:
    """Read tensors and plain values; anything else that a pickle can hold is refused.

    Raises:
        ValueError: The file is damaged, or holds something else.
        OSError: It cannot be read.
    """
    if compressed := next(_compressed(path), None):
        # torch packs nothing; a megabyte can unpack to a gigabyte.
        raise ValueError(f"{compressed} in it is compressed, which torch.save never does")
    try:
        with warnings.catch_warnings():
            # Of versions of pickle that only a damaged file names.
            warnings.simplefilter("ignore", UserWarning)
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as cause:
        # The unpickler meets damage with whatever happens to go wrong first: of 6,000 mutated
        # files, with nine kinds of exception.
        raise ValueError(_reason(cause)) from cause


def find_dishonest(content: object) -> Iterator[str]:
    """Find tensors that are larger than the numbers they have.

    A view whose strides are 0 can claim a terabyte in a file of a kilobyte, as can a sparse one.
    """
    waiting, seen = [("", content)], set[int]()
    while waiting:
        name, value = waiting.pop()
        if id(value) in seen:  # a pickle may hold a list that holds itself
            continue
        seen.add(id(value))
        if isinstance(value, dict):
            waiting += [(f"{name}.{key}".lstrip("."), part) for key, part in value.items()]
        elif isinstance(value, (list, tuple)):
            waiting += [(name, part) for part in value]
        elif isinstance(value, Tensor) and not _is_honest(value):
            yield f"  {name} has shape {list(value.shape)} and fewer numbers"


def _is_honest(value: Tensor) -> bool:
    if value.layout is not torch.strided or value.device.type != "cpu":
        return False
    return value.numel() * value.element_size() <= value.untyped_storage().nbytes()


def _reason(cause: Exception) -> str:
    """Say what torch found, without its advice to let the file do what it wants."""
    lines = (line.strip() for line in str(cause).splitlines())
    found = (line for line in lines if line and not line.startswith("Weights only load failed"))
    return next(found, type(cause).__name__)


def _compressed(path: Path) -> Iterator[str]:
    """Name what an archive holds packed; files of before torch 1.6 are no archives."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, UnicodeDecodeError):
        return
    yield from (m.filename for m in members if m.compress_type != zipfile.ZIP_STORED)
