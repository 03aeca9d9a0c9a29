"""Columns of text, held so that a million rows of them stay small."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

Text = np.dtypes.StringDType()
"""Strings in one block of memory: a million paths take a tenth of what objects take."""

_BLOCK = 10_000
"""Rows that are Python's strings at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Digests(Sequence[str]):
    """What is known of the bytes of files, row by row; each is kept once, whoever has it."""

    found: NDArray[Any]
    """`Text` [K]; sha256, 64 hex digits, or empty where nobody looked."""
    which: NDArray[np.int32]
    """[N], in [0, K); which of them a row has."""

    def __len__(self) -> int:
        return len(self.which)

    @overload
    def __getitem__(self, at: int) -> str: ...

    @overload
    def __getitem__(self, at: slice) -> Digests: ...

    def __getitem__(self, at: int | slice) -> str | Digests:
        if isinstance(at, slice):
            return Digests(self.found, self.which[at])
        return str(self.found[self.which[at]])

    def __iter__(self) -> Iterator[str]:
        for at in range(0, len(self), _BLOCK):
            yield from self[at : at + _BLOCK].to_text().tolist()

    def select(self, rows: NDArray[np.int64]) -> Digests:
        """Keep these rows, in their order."""
        return Digests(self.found, self.which[rows])

    def to_text(self) -> NDArray[Any]:
        """Write out what each row has; `Text` [N], seventy bytes a row."""
        return np.asarray(self.found[self.which])


def list_digests(digests: Sequence[str]) -> Digests:
    """Take one digest a row, as they were found."""
    return Digests(np.array(digests, dtype=Text), np.arange(len(digests), dtype=np.int32))


def number_digests(digests: Sequence[str]) -> Digests:
    """Take one digest a row, and keep each once."""
    found, index = np.unique(np.array(digests, dtype=Text), return_inverse=True)
    return Digests(found, index.astype(np.int32))


def join_digests(parts: Sequence[Digests]) -> Digests:
    """Put columns one below the other."""
    starts = np.cumsum([0, *(len(part.found) for part in parts)]).tolist()
    index = [part.which + np.int32(start) for part, start in zip(parts, starts, strict=False)]
    return Digests(np.concatenate([part.found for part in parts]), np.concatenate(index))


def no_digests(count: int) -> Digests:
    """Know nothing of so many files."""
    return Digests(np.zeros(1, dtype=Text), np.zeros(count, dtype=np.int32))
