"""Chosen rows of features, a block at a time, so that memory does not grow with the samples."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

BLOCK = 1_024
"""Rows in memory at a time: enough to keep a matrix product busy, few enough for its caches."""


def read_blocks(features: Tensor, rows: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield blocks of features with their rows.

    Args:
        features: [N, D]; may lie in a file that is mapped into memory.
        rows: int64 [n] in [0, N), rising.
    """
    for some in rows.split(BLOCK):
        yield _take(features, some), some


def _take(features: Tensor, rows: Tensor) -> Tensor:
    """Copy rows, or look at them in place where they are neighbours."""
    if not len(rows):
        return features[:0]
    first, last = int(rows[0]), int(rows[-1])
    neighbours = last - first == len(rows) - 1
    return features[first : last + 1] if neighbours else features.index_select(0, rows)
