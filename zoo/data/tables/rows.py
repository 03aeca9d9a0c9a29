"""The rows of one table while it is opened: their images, and what their columns say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from zoo.data.columns import Digests, Text
from zoo.data.dataset import SPLIT_NAMES, Samples, SplitName, Truth
from zoo.data.folder import SPLIT_FOLDERS
from zoo.data.tables.cells import Cells, distinct_cells
from zoo.data.tables.choose import Choice
from zoo.data.tables.files import NamedFiles, find_files, look_into
from zoo.data.tables.read import Table
from zoo.data.tables.spec import TargetSpec
from zoo.data.tables.truths import read_truth
from zoo.errors import DataError
from zoo.targets import Target
from zoo.targets.cells import name_of

Splits = Mapping[SplitName, NDArray[np.int64]]
"""Which rows are of a split, as rising indices."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """What is kept of a table."""

    table: Path
    notes: tuple[str, ...]
    """On how the table was read."""
    files: NamedFiles
    columns: Mapping[str, Cells]
    """By name; that of the images is not among them."""

    def __len__(self) -> int:
        return len(self.files.index)

    def inspect(self) -> Rows:
        """Decode and hash the images; rows without a usable one say nothing any more."""
        files = look_into(self.files)
        if not files.problems:
            return replace(self, files=files)
        bad = files.bad_rows
        columns = {name: cells.without(bad) for name, cells in self.columns.items()}
        return replace(self, files=files, columns=columns)

    def names(self, column: str) -> NDArray[Any]:
        """The cells of a column as `Text` [N]."""
        cells = self.columns[column]
        return np.array([name_of(cell) for cell in cells.found], dtype=Text)[cells.index]

    def split_by(self, column: str | None) -> Splits:
        """Tell which rows are of which split; without a column, all of them train.

        Raises:
            DataError: A cell names no split, or no row trains.
        """
        if column is None:
            return {"train": np.arange(len(self))}
        cells = self.columns[column]
        if unknown := [cell for cell in cells.at(np.arange(len(self))) if not _split_of(cell)]:
            raise DataError(
                f"column {column!r} says {unknown[0]!r}, which is no split",
                hint=f"known are {', '.join(SPLIT_FOLDERS)}",
            )
        found: dict[SplitName, NDArray[np.int64]] = {}
        for name in SPLIT_NAMES:
            chosen = np.array([_split_of(cell) == name for cell in cells.found])
            found |= {name: np.flatnonzero(chosen[cells.index])} if chosen.any() else {}
        if "train" not in found:
            raise DataError(f"column {column!r} names no row that trains")
        return found

    def read(self, targets: Sequence[Target], specs: Sequence[TargetSpec]) -> dict[str, Truth]:
        """Encode what the columns say of each target.

        Raises:
            DataError: Cells that a target does not know.
        """
        pairs = zip(targets, specs, strict=True)
        return {t.name: read_truth(t, spec.columns, self.columns) for t, spec in pairs}

    def to_samples(
        self, truths: Mapping[str, Truth], rows: NDArray[np.int64], group: str | None = None
    ) -> Samples:
        """Make samples of these rows; a column may say which belong together."""
        index = self.files.index[rows]
        return Samples(
            root=self.files.root,
            files=self.files.names[index],
            digests=Digests(self.files.digests, index),
            truths={name: truth[rows] for name, truth in truths.items()},
            groups=self.names(group)[rows] if group else None,
        )


def read_rows(table: Table, choice: Choice, root: Path) -> Rows:
    """Take the chosen columns of a table, and look whether its images are there.

    Raises:
        DataError: A column is not there, or the input column names no files.
    """
    table.require(*choice.columns)
    rows = Rows(
        table=table.path,
        notes=table.notes,
        files=find_files(table.columns[choice.input], table.path.parent, root),
        columns={
            name: distinct_cells(table.columns[name])
            for name in choice.columns
            if name != choice.input
        },
    )
    # What reading and numbering took goes back to the machine before images are looked at.
    pa.default_memory_pool().release_unused()
    return rows


def _split_of(cell: object) -> SplitName | None:
    return SPLIT_FOLDERS.get(name_of(cell).lower())


def find_known(truths: Mapping[str, Truth], targets: Sequence[Target]) -> NDArray[np.bool_]:
    """Tell the rows of which at least one target is known; [N]."""
    known = [target.present(truths[target.name]) for target in targets]
    return np.asarray(np.logical_or.reduce(known))
