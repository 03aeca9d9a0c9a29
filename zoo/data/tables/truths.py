"""From columns of a table to a target and what is known of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.data.dataset import Truth
from zoo.data.tables.cells import Cells
from zoo.data.tables.spec import TargetSpec
from zoo.errors import DataError
from zoo.targets import ClassTarget, LabelsTarget, Target, ValueTarget
from zoo.targets.cells import name_of, refuse, show

Columns = Mapping[str, Cells]
"""By name; all of one length."""

_MARKS = {"0": 0, "1": 1, "false": 0, "true": 1, "no": 0, "yes": 1, "": -1}
"""What a column of one label may say, in any case."""


def fit_target(spec: TargetSpec, columns: Columns, rows: NDArray[np.int64]) -> Target:
    """Make a target from the training rows of its columns; values are not measured yet.

    Raises:
        DataError: The cells do not fit the kind, or there is nothing to learn in them.
    """
    if spec.kind == "value":
        return _plain_values(spec.name, spec.columns)
    if len(spec.columns) > 1:
        return LabelsTarget(name=spec.name, classes=tuple(sorted(spec.columns)))
    cells = columns[spec.columns[0]].at(rows)
    kind = LabelsTarget if spec.kind == "labels" else ClassTarget
    return kind.fit(spec.name, cells)


def measure(target: Target, truth: Truth) -> Target:
    """Give a value target mean and deviation of the training truths; others stay as they are.

    It is what `ValueTarget.fit` does, without a list of a million numbers.

    Raises:
        DataError: A column has no number at all.
    """
    if not isinstance(target, ValueTarget):
        return target
    numbers = [column[~np.isnan(column)] for column in truth.T]
    if empty := [c for c, found in zip(target.columns, numbers, strict=True) if not len(found)]:
        raise DataError(
            f"target {target.name!r} has no number for {', '.join(empty)} in its training rows",
            hint="choose another column",
        )
    spread = [float(found.std()) if found.min() < found.max() else 1.0 for found in numbers]
    return replace(target, mean=tuple(float(n.mean()) for n in numbers), std=tuple(spread))


def read_truth(target: Target, names: Sequence[str], columns: Columns) -> Truth:
    """Encode the cells of the columns that a target is made of.

    Raises:
        DataError: Cells that the target does not know.
    """
    if isinstance(target, ValueTarget):
        read = [columns[name].read(_plain_values(name, [name]).encode) for name in names]
        return np.concatenate(read, axis=1)
    if len(names) > 1:
        marks = {name: columns[name].read(partial(_read_marks, name)) for name in names}
        return np.stack([marks[name] for name in target.classes], axis=1)
    return columns[names[0]].read(target.encode)


def _plain_values(name: str, columns: Sequence[str]) -> ValueTarget:
    """A target that reads numbers and knows nothing about them."""
    zeros, ones = (0.0,) * len(columns), (1.0,) * len(columns)
    return ValueTarget(name=name, columns=tuple(columns), mean=zeros, std=ones)


def _read_marks(name: str, cells: Sequence[Any]) -> NDArray[np.int8]:
    """Read one label's own column of 0 and 1."""
    words = [name_of(cell).lower() for cell in cells]
    if wrong := [row for row, word in enumerate(words) if word not in _MARKS]:
        mistakes = {row: f"{show(cells[row])} is neither 0 nor 1" for row in wrong}
        raise refuse(name, mistakes, len(cells), hint="leave a cell empty where nothing is known")
    return np.array([_MARKS[word] for word in words], dtype=np.int8)
