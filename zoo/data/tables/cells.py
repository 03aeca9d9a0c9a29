"""A column as its distinct cells, so that a million rows are read as often as they differ."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from zoo.errors import DataError

T = TypeVar("T", bound=np.generic)

_BLOCK = 10_000
"""Cells encoded at a time: what encoding needs meanwhile is large."""


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """What a column says, row by row."""

    distinct: pa.Array
    """Each different cell once; missing ones are not among them."""
    index: NDArray[np.int32]
    """[N]; which of them, from 1, a row has; 0 where its cell is missing."""

    def __len__(self) -> int:
        return len(self.index)

    @property
    def found(self) -> list[Any]:
        """None, and the different cells after it, as JSON has them."""
        return [None, *self.distinct.to_pylist()]

    def at(self, rows: NDArray[np.int64]) -> list[Any]:
        """The different cells that these rows have, None among them where one is missing."""
        found = np.unique(self.index[rows])
        cells = self.distinct.take(pa.array(found[found > 0] - 1)).to_pylist()
        return [None, *cells] if 0 in found else list(cells)

    def without(self, rows: NDArray[np.bool_]) -> Cells:
        """Say nothing in these rows."""
        return Cells(self.distinct, np.where(rows, 0, self.index).astype(np.int32))

    def read(self, encode: Callable[[Sequence[Any]], NDArray[T]]) -> NDArray[T]:
        """Encode the different cells once and deal the outcome out to the rows; [N, …].

        Raises:
            DataError: What `encode` raises, with the rows of the table.
        """
        used = np.zeros(len(self.distinct) + 1, dtype=bool)
        used[self.index] = True
        used[0] = True
        cells = self.distinct.filter(pa.array(used[1:]))
        try:
            blocks = [encode(cells[at : at + _BLOCK].to_pylist()) for at in _starts(cells)]
        except DataError:
            self._complain(encode)
            raise
        places = np.cumsum(used) - 1
        encoded: NDArray[T] = np.concatenate([encode([None]), *blocks])[places[self.index]]
        return encoded

    def _complain(self, encode: Callable[[Sequence[Any]], object]) -> None:
        """Encode row by row what cannot be, so that the message counts rows."""
        found = self.found
        encode([found[at] for at in self.index])


def distinct_cells(column: pa.ChunkedArray) -> Cells:
    """Find the different cells of a column of any type."""
    if pa.types.is_nested(column.type):
        return _distinct_nested(column)
    # Chunk by chunk arrow would merge a dictionary for each.
    encoded = column.combine_chunks().dictionary_encode()
    index = encoded.indices.fill_null(-1).to_numpy() + np.int32(1)
    return Cells(encoded.dictionary, index)


def _starts(cells: pa.Array) -> range:
    return range(0, len(cells), _BLOCK)


def _distinct_nested(column: pa.ChunkedArray) -> Cells:
    """Compare lists and objects by their JSON, which arrow cannot."""
    places = {"null": 0}
    first: list[int] = []
    index = np.empty(len(column), dtype=np.int32)
    for at in range(0, len(column), _BLOCK):
        for row, cell in enumerate(column[at : at + _BLOCK].to_pylist(), at):
            key = json.dumps(cell, default=str)
            if key not in places:
                places[key] = len(places)
                first.append(row)
            index[row] = places[key]
    distinct = column.take(pa.array(first, pa.int64())).combine_chunks()
    return Cells(distinct, index)
