"""All rows of all splits, and which of them hold the same bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.data.check.findings import MOST_GROUPS, FoundFile
from zoo.data.columns import Digests
from zoo.data.dataset import Dataset, SplitName, Truth

_KEY = 16
"""Bytes of a hash that tell contents apart: of a million, two are confused once in 10²⁶."""
_BLOCK = 10_000
"""Rows whose hashes are Python's at a time."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """Every row of a data set, one split after the other."""

    splits: tuple[SplitName, ...]
    roots: tuple[Path, ...]
    """Where the file names of each split start."""
    files: NDArray[Any]
    """Text [N]."""
    split_of: NDArray[np.int8]
    """[N]; which of `splits` a row is in."""
    content: NDArray[np.int64]
    """[N], in [0, contents); the same for identical files, which are told by their sha256, or
    by their name where nobody hashed them."""
    digests: NDArray[np.bytes_]
    """sha256 of each row's file in hex, or empty; [N]."""

    def __len__(self) -> int:
        return len(self.files)

    def path(self, row: int) -> Path:
        """Where a row's file is."""
        root: Path = self.roots[self.split_of[row]]
        return root / str(self.files[row])

    def place(self, row: int, remark: str = "") -> FoundFile:
        """Name a row in a finding."""
        split = self.splits[self.split_of[row]]
        return FoundFile(file=str(self.files[row]), split=split, remark=remark)

    def first_rows(self) -> NDArray[np.int64]:
        """One row of each content, in the order of the contents."""
        return np.unique(self.content, return_index=True)[1]

    def select(self, chosen: NDArray[np.int64]) -> Rows:
        """Keep some rows, in their order."""
        return replace(
            self,
            files=self.files[chosen],
            split_of=self.split_of[chosen],
            content=np.unique(self.content[chosen], return_inverse=True)[1],
            digests=self.digests[chosen],
        )

    def with_digests(self, digests: NDArray[np.bytes_]) -> Rows:
        """Know every file's sha256."""
        return replace(self, digests=digests, content=_number(self.files, digests))


def gather_rows(dataset: Dataset) -> Rows:
    """Put the splits one after the other and number their contents; no file is touched."""
    parts = list(dataset.splits.values())
    files = np.concatenate([samples.files for samples in parts])
    digests = _gather_digests([samples.digests for samples in parts])
    return Rows(
        splits=tuple(dataset.splits),
        roots=tuple(samples.root for samples in parts),
        files=files,
        split_of=np.repeat(np.arange(len(parts), dtype=np.int8), list(map(len, parts))),
        content=_number(files, digests),
        digests=digests,
    )


def gather_truths(dataset: Dataset, target: str) -> Truth:
    """One target's truths of all rows, in their order."""
    return np.concatenate([samples.truths[target] for samples in dataset.splits.values()])


def list_groups(numbers: NDArray[np.int64], chosen: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """List the rows of at most `MOST_GROUPS` chosen groups, in the order of their first rows.

    Args:
        numbers: [N], in [0, groups); each row's group.
        chosen: [groups].
    """
    rows = np.flatnonzero(chosen[numbers])
    rows = rows[np.argsort(numbers[rows], kind="stable")]
    cuts = np.flatnonzero(np.diff(numbers[rows], append=-1)) + 1
    starts = [0, *cuts[: MOST_GROUPS - 1].tolist()]
    ends = cuts[:MOST_GROUPS].tolist()
    groups = [rows[start:end] for start, end in zip(starts, ends, strict=False)]
    return sorted(groups, key=lambda group: int(group[0]))


def one_of_each_split_first(rows: Rows, group: NDArray[np.int64]) -> Iterator[int]:
    """Order a group so that its first rows are of different splits."""
    firsts = np.unique(rows.split_of[group], return_index=True)[1]
    yield from group[firsts].tolist()
    yield from np.delete(group, firsts).tolist()


def _gather_digests(parts: Sequence[Digests]) -> NDArray[np.bytes_]:
    gathered = np.zeros(sum(map(len, parts)), dtype="S64")
    end = 0
    for part in parts:
        start, end = end, end + len(part)
        for at in range(0, len(part), _BLOCK):
            some = part[at : at + _BLOCK].to_text()
            # Zeros that nobody writes take no memory.
            if (some != "").any():
                gathered[start + at : start + at + len(some)] = some
    return gathered


def _number(files: NDArray[Any], digests: NDArray[np.bytes_]) -> NDArray[np.int64]:
    """Number equal digests, and equal names where there is none, in the order of the rows."""
    keys = np.empty(len(files), dtype=f"S{_KEY}")
    for at in range(0, len(files), _BLOCK):
        rows = slice(at, at + _BLOCK)
        keys[rows] = [
            bytes.fromhex(digest[: 2 * _KEY].decode()) if digest else _hash_name(file)
            for file, digest in zip(files[rows], digests[rows].tolist(), strict=True)
        ]
    _, firsts, numbers = np.unique(keys, return_index=True, return_inverse=True)
    # By their keys they would be in no order that a person knows.
    ranks = np.empty(len(firsts), dtype=np.int64)
    ranks[np.argsort(firsts)] = np.arange(len(firsts))
    return ranks[numbers]


def _hash_name(file: str) -> bytes:
    return blake2b(file.encode(), digest_size=_KEY, person=b"name").digest()
