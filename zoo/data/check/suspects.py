"""Files that nobody hashed, told apart as far as it takes to find one in two splits.

Equal bytes have one size, one beginning and one end: a file is opened only where another split
holds one of its size, and read through only where their first and last blocks agree, too. Where
a million files would have to be opened, those of some sizes are, all of each size.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from zoo.data.check.rows import Rows
from zoo.data.inspection import hash_file
from zoo.inputs.members import parse_member
from zoo.progress import Progress

T = TypeVar("T")

MOST_OPENED = 100_000
"""Files opened at most: some fifteen seconds of one core."""
_END = 4096
"""Bytes compared at the beginning and at the end of a file."""
_BLOCK = 1024
"""Files that a thread looks at before it says so."""
_GONE = -1
"""Stands for the size of a file that is not there."""


def hash_suspects(rows: Rows, progress: Progress) -> tuple[Rows, int]:
    """Hash those files that may lie in another split as well; memory holds a few numbers a file.

    Args:
        rows: Files without a digest are known by their names.
        progress: Hears of each file, once for each of the three steps that reaches it.

    Returns:
        The rows, and how many files with a namesake in size were left unopened.
    """
    if (rows.digests != b"").all():
        return rows, 0
    suspects = rows.first_rows()
    splits = _splits_of_contents(rows)
    sizes = np.fromiter(_map("sizes", rows, suspects, size_of, progress), np.int64)
    likely = (sizes != _GONE) & _may_leak(rows, suspects, sizes, splits)
    affordable = _choose_affordable(sizes[likely])
    unopened = int((~affordable).sum())
    suspects = suspects[likely][affordable]
    ends = np.fromiter(_map("compare", rows, suspects, _hash_ends, progress), np.int64)
    suspects = suspects[_may_leak(rows, suspects, ends, splits)]
    suspects = suspects[rows.digests[suspects] == b""]
    digests = [*_map("hash", rows, suspects, _hash_all, progress)]
    return _with_digests(rows, suspects, digests), unopened


def _splits_of_contents(rows: Rows) -> NDArray[np.uint8]:
    """Tell the splits that each content is in, a bit each; [contents]."""
    splits = np.zeros(rows.content.max(initial=-1) + 1, dtype=np.uint8)
    for split in range(len(rows.splits)):
        splits[rows.content[rows.split_of == split]] |= 1 << split
    return splits


def _may_leak(
    rows: Rows, suspects: NDArray[np.int64], keys: NDArray[np.int64], splits: NDArray[np.uint8]
) -> NDArray[np.bool_]:
    """Tell which contents agree in their keys with another one of another split.

    Those that are hashed already are told apart from each other by that.
    """
    groups = np.unique(keys, return_inverse=True)[1]
    seen = np.zeros(groups.max(initial=-1) + 1, dtype=np.uint8)
    np.bitwise_or.at(seen, groups, splits[rows.content[suspects]])
    unhashed = groups[rows.digests[suspects] == b""]
    likely = (np.bitwise_count(seen) > 1) & (np.bincount(groups, minlength=len(seen)) > 1)
    likely &= np.bincount(unhashed, minlength=len(seen)) > 0
    return np.asarray(likely[groups])


def _choose_affordable(sizes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Choose files [N] by their sizes: all of a size or none, so that no pair is torn apart.

    Only where the first size alone has more than `MOST_OPENED` files, some of it are chosen.
    """
    if len(sizes) <= MOST_OPENED:
        return np.ones(len(sizes), dtype=bool)
    of_size, counts = np.unique(sizes, return_inverse=True, return_counts=True)[1:]
    order = np.random.default_rng(0).permutation(len(counts))
    chosen = np.zeros(len(counts), dtype=bool)
    chosen[order[np.cumsum(counts[order]) <= MOST_OPENED]] = True
    if not chosen.any():
        first = of_size == order[0]
        return np.asarray(first & (np.cumsum(first) <= MOST_OPENED))
    return np.asarray(chosen[of_size])


def _with_digests(rows: Rows, hashed: NDArray[np.int64], found: list[bytes]) -> Rows:
    """Give all rows of the contents that these rows stand for their digest."""
    if not len(hashed):
        return rows
    digests = np.zeros(rows.content.max() + 1, dtype="S64")
    digests[rows.content[hashed]] = found
    known = rows.digests != b""
    return rows.with_digests(np.where(known, rows.digests, digests[rows.content]))


def _map(
    task: str,
    rows: Rows,
    chosen: NDArray[np.int64],
    look: Callable[[Path], T],
    progress: Progress,
) -> Iterator[T]:
    """Look at the files of some rows in threads, in order."""

    def look_at_some(start: int) -> list[T]:
        return [look(rows.path(row)) for row in chosen[start : start + _BLOCK].tolist()]

    progress.start(task, len(chosen))
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for found in pool.map(look_at_some, range(0, len(chosen), _BLOCK)):
            yield from found
            progress.advance(len(found))
    progress.finish()


def size_of(path: Path) -> int:
    """Ask for a file's size, bytes; -1 if it is not there."""
    member = parse_member(path)
    try:
        return path.stat().st_size if member is None else member.size
    except OSError:
        return _GONE


def _hash_ends(path: Path) -> int:
    """Hash size, first and last block; the number is another one in another process."""
    member = parse_member(path)
    size, start = size_of(path), member.offset if member else 0
    try:
        with (member.archive if member else path).open("rb", buffering=0) as file:
            file.seek(start)
            first = file.read(min(_END, size))
            file.seek(start + max(size - _END, 0))
            return hash((size, first, file.read(min(_END, size))))
    except OSError:
        return hash(path)


def _hash_all(path: Path) -> bytes:
    try:
        return hash_file(path).encode()
    except OSError:
        return b""
