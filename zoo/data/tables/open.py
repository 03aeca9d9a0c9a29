"""From a table to labelled samples in splits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoo.data.coverage import note_absent
from zoo.data.dataset import Dataset, Samples, Truth
from zoo.data.split import choose_held_out, hash_contents
from zoo.data.tables.choose import Choice, choose_columns, choose_known
from zoo.data.tables.notes import note_files, note_unknown, require_usable
from zoo.data.tables.read import Table, read_names, read_table, require_columns
from zoo.data.tables.rows import Rows, Splits, find_known, read_rows
from zoo.data.tables.rules import may_be_split
from zoo.data.tables.spec import TargetSpec, parse_target
from zoo.data.tables.truths import fit_target, measure
from zoo.errors import DataError
from zoo.targets import Target


def open_table(
    source: Path | Table,
    *,
    input_column: str | None = None,
    targets: Sequence[str] = (),
    val: Path | Table | None = None,
    val_split: float = 0.2,
    group: str | None = None,
    seed: int = 0,
    skip_bad: bool = False,
    accept_guess: bool = False,
    keep_small: bool = False,
) -> Dataset:
    """Read a table with a column of image files and columns to be learnt.

    Up to 50,000 different images are decoded once, so that training cannot fail on one later;
    of more it is made sure that they are there. Nothing is written.

    Args:
        source: The table; the files that it names start from its folder.
        input_column: Names the images.
        targets: Columns to be learnt, each as `[NAME=]COLUMN[+COLUMN][:KIND]`.
        val: A table with the same columns to validate on.
        val_split: Part that validates where neither `val` nor a column of the table says.
        group: Rows of one value of this column stay on one side of that split.
        seed: Chooses that part.
        skip_bad: Go on without rows whose image cannot be used.
        accept_guess: Guess the columns that are not given.
        keep_small: Go on with classes that have too few images to hold one out.

    Raises:
        DataError: The table cannot be trained on; the message says what to do.
    """
    if not 0 < val_split < 1:
        raise DataError(f"--val-split must lie between 0 and 1, not {val_split}")
    table = _read(source, _needed(source, input_column, targets, group))
    choice = choose_columns(
        table, input_column=input_column, targets=targets, group=group, accept_guess=accept_guess
    )
    parts = [read_rows(table, choice, table.path.parent)]
    # What is needed of its columns has been taken; a million rows are not kept twice.
    del table
    if val is not None:
        choice = replace(choice, split=None)
        parts.append(read_rows(_read(val), replace(choice, group=None), parts[0].files.root))
    return _assemble(
        parts, choice, val_split=val_split, seed=seed, skip_bad=skip_bad, keep_small=keep_small
    )


def _assemble(
    parts: Sequence[Rows],
    choice: Choice,
    *,
    val_split: float,
    seed: int,
    skip_bad: bool,
    keep_small: bool,
) -> Dataset:
    """Look at the images of one table, or of two of which the other validates, and cut them."""
    splits = dict(parts[0].split_by(choice.split))
    # Columns that do not fit are told of before every image is looked at.
    targets, truths = _label(parts, choice.targets, splits["train"])
    parts = [part.inspect() for part in parts]
    if any(part.files.problems for part in parts):
        require_usable(parts, skip_bad=skip_bad)
        targets, truths = _label(parts, choice.targets, splits["train"])
    known = [find_known(truth, targets) for truth in truths]
    splits = {name: rows[known[0][rows]] for name, rows in splits.items()}
    _require_rows(parts[0].table, splits)
    if len(parts) == 1 and "validation" not in splits:
        truth, rows = truths[0][targets[0].name], splits["train"]
        splits |= _hold_out(
            parts[0],
            choice.group,
            targets[0],
            truth,
            rows,
            val_split,
            seed,
            keep_small=keep_small,
        )
    samples = {
        name: parts[0].to_samples(truths[0], rows, choice.group) for name, rows in splits.items()
    }
    if len(parts) > 1:
        rows = np.flatnonzero(known[1])
        _require_rows(parts[1].table, {"validation": rows})
        samples["validation"] = parts[1].to_samples(truths[1], rows)
    notes = [*parts[0].notes, *choice.notes, *note_files(parts), *note_unknown(parts, known)]
    return Dataset(
        root=parts[0].files.root,
        targets=tuple(measure(each, samples["train"].truths[each.name]) for each in targets),
        splits=samples,
        notes=(*notes, *note_absent(samples, targets)),
        source=_describe(parts, choice),
        skipped={file: why for part in parts for file, why in part.files.reasons.items()},
    )


def open_labelled_table(
    source: Path | Table,
    targets: Sequence[Target],
    *,
    input_column: str | None = None,
    columns: Sequence[str] = (),
    skip_bad: bool = False,
) -> Samples:
    """Read a table to measure a model of known targets on.

    Of a table with a column of splits, the rows to test or else to validate on are read.

    Args:
        source: The table.
        targets: The model's; found by name, values and columns of one label each by theirs.
        input_column: Names the images; guessed where it is left out.
        columns: Where a target's columns have other names, as `choose_known` reads them.
        skip_bad: Go on without rows whose image cannot be used.

    Raises:
        DataError: Columns are not there or say what a target does not know, or no image can be
            used.
    """
    table = _read(source)
    choice = choose_known(table, targets, input_column=input_column, renamed=columns)
    rows = read_rows(table, choice, table.path.parent)
    splits = rows.split_by(choice.split)
    rows.read(targets, choice.targets)
    rows = rows.inspect()
    if rows.files.problems:
        require_usable([rows], skip_bad=skip_bad)
    truths = rows.read(targets, choice.targets)
    kept = splits.get("test", splits.get("validation", splits["train"]))
    kept = kept[find_known(truths, targets)[kept]]
    _require_rows(table.path, {"test": kept})
    return rows.to_samples(truths, kept)


def _read(source: Path | Table, names: Collection[str] | None = None) -> Table:
    return source if isinstance(source, Table) else read_table(source, names)


def _needed(
    source: Path | Table, input_column: str | None, targets: Sequence[str], group: str | None
) -> set[str] | None:
    """The columns to read; None where all must be seen to guess."""
    if isinstance(source, Table) or not (input_column and targets):
        return None
    names = read_names(source)
    require_columns(source, names, filter(None, (input_column, group)))
    asked = {name for text in targets for name in parse_target(text, names).columns}
    asked |= {input_column, *([group] if group else [])}
    return asked | {name for name in names if may_be_split(name)}


def _label(
    parts: Sequence[Rows], specs: Sequence[TargetSpec], train: NDArray[np.int64]
) -> tuple[tuple[Target, ...], list[dict[str, Truth]]]:
    """Make targets of the rows that train, and read what all rows say of them."""
    targets = tuple(fit_target(spec, parts[0].columns, train) for spec in specs)
    return targets, [part.read(targets, specs) for part in parts]


def _hold_out(
    part: Rows,
    group: str | None,
    target: Target,
    truth: Truth,
    rows: NDArray[np.int64],
    val_split: float,
    seed: int,
    *,
    keep_small: bool,
) -> Splits:
    """Cut the rows that could train in two."""
    files = part.files
    contents = hash_contents(files.names, files.digests, seed)[files.index[rows]]
    groups = part.names(group)[rows] if group else None
    held_out = choose_held_out(
        contents, target, truth[rows], val_split, seed, groups, keep_small=keep_small
    )
    return {"train": rows[~held_out], "validation": rows[held_out]}


def _require_rows(table: Path, splits: Splits) -> None:
    for name, rows in splits.items():
        if not len(rows):
            raise DataError(
                f"{table}: no row of the {name} data has a usable image and a target",
                hint="fill in a target column, or leave these rows out",
            )


def _describe(parts: Sequence[Rows], choice: Choice) -> dict[str, object]:
    """How the table was opened, for the record."""
    return {
        "table": parts[0].table.name,
        "input": choice.input,
        "targets": [str(spec) for spec in choice.targets],
        "split": choice.split,
        "group": choice.group,
        "val": str(parts[1].table) if len(parts) > 1 else None,
    }
