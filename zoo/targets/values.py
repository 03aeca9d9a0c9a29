"""The `value` target: one number a sample, or several."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict
from torch import Tensor

from zoo.errors import DataError
from zoo.targets.cells import items_of, number_of, read_column, show
from zoo.targets.scoring import keep_present
from zoo.targets.value_metrics import ValueMetrics, score_values

if TYPE_CHECKING:
    from zoo.data.dataset import Truth


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueAnswer:
    """What a regression says of one sample."""

    values: dict[str, float]
    """By column, in the units of the training data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueTarget:
    """Numbers in the user's own units; truth float64 [N, V], NaN where missing.

    A cell is a number, or a list of V. The network answers in the same units, float32 [N, V]:
    of numbers that vary by less than a ten-millionth of their size, nothing can be told.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)

    name: str
    kind: Literal["value"] = "value"
    columns: tuple[str, ...]
    """Names of the numbers; at least one, all different."""
    mean: tuple[float, ...]
    """Of the training data, a number each."""
    std: tuple[float, ...]
    """Of the training data, a number each, positive; 1 for a constant column."""

    def __post_init__(self) -> None:
        if len(set(self.columns)) < max(1, len(self.columns)):
            raise ValueError(f"columns must be one or more different names, not {self.columns}")
        if not len(self.columns) == len(self.mean) == len(self.std):
            raise ValueError(f"{len(self.columns)} columns need as many means and deviations")
        if not all(map(math.isfinite, (*self.mean, *self.std))) or min(self.std) <= 0:
            raise ValueError(f"means must be finite and deviations positive, not {self.std}")

    @classmethod
    def fit(
        cls, name: str, cells: Sequence[object], columns: Sequence[str] | None = None
    ) -> ValueTarget:
        """Measure mean and standard deviation of training cells.

        Args:
            name: Of the target, and of its column unless `columns` says otherwise.
            cells: A number each, or a list of as many as there are columns.
            columns: Names of the numbers in a cell.

        Raises:
            DataError: A cell is no number, or a column has none at all.
        """
        columns = tuple(columns or (name,))
        ones = (1.0,) * len(columns)
        plain = cls(name=name, columns=columns, mean=ones, std=ones)
        numbers = [column[~np.isnan(column)] for column in plain.encode(cells).T]
        if empty := [c for c, found in zip(columns, numbers, strict=True) if not len(found)]:
            raise DataError(
                f"target {name!r} has no number for {', '.join(empty)} in {len(cells)} cells",
                hint="choose another column",
            )
        return replace(
            plain,
            mean=tuple(float(found.mean()) for found in numbers),
            std=tuple(_spread(found) for found in numbers),
        )

    @property
    def num_outputs(self) -> int:
        """One number a column."""
        return len(self.columns)

    def encode(self, cells: Sequence[object]) -> Truth:
        """Read numbers, float64 [N, V].

        Raises:
            DataError: Cells that are no numbers, or not as many as there are columns.
        """
        missing = [math.nan] * len(self.columns)
        hint = "write numbers like 12.5 or 3e-4, and leave a cell empty where none is known"
        rows = read_column(self.name, cells, self._read, missing, hint=hint)
        return np.fromiter(chain.from_iterable(rows), np.float64).reshape(-1, len(missing))

    def decode(self, truth: Truth) -> list[object]:
        """Write numbers, or lists of several, None where missing."""
        cells = truth.astype(object)
        cells[np.isnan(truth)] = None
        if len(self.columns) == 1:
            return list(cells[:, 0])
        known = self.present(truth)
        return [
            row if any_known else None for row, any_known in zip(cells.tolist(), known, strict=True)
        ]

    def present(self, truth: Truth) -> NDArray[np.bool_]:
        """Tell the rows of which at least one number is known."""
        return np.asarray((~np.isnan(truth)).any(axis=1))

    def score(self, outputs: Tensor, truth: Tensor) -> ValueMetrics:
        """Score outputs [N, V] in the user's units against the cells that are known."""
        guesses, numbers = keep_present(self, outputs, truth)
        return score_values(guesses, numbers, self.columns, self.std)

    def answer(self, outputs: Tensor, top: int = 5) -> list[ValueAnswer]:  # noqa: ARG002
        """Say all numbers of each row, whatever `top` is."""
        return [
            ValueAnswer(values=dict(zip(self.columns, row, strict=True)))
            for row in outputs.tolist()
        ]

    def _read(self, cell: object) -> list[float]:
        """Read the numbers of one cell, one a column; a missing cell misses them all."""
        if (items := items_of(cell)) is None:
            number = number_of(cell)
            numbers = [number] * (len(self.columns) if math.isnan(number) else 1)
        else:
            numbers = [number_of(item) for item in items]
        if len(numbers) != len(self.columns):
            raise ValueError(f"{show(cell)} holds {len(numbers)} numbers, not {len(self.columns)}")
        return numbers


def _spread(numbers: NDArray[np.float64]) -> float:
    """Standard deviation; 1 where all are equal, or differ by less than float32 can say."""
    spread = float(numbers.std()) if numbers.min() < numbers.max() else 0.0
    return spread if spread > np.finfo(np.float32).tiny else 1.0
