"""What a cell of the `labels` target says: which labels hold, and which do not."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress

from zoo.targets.cells import items_of, name_of, read_column, show
from zoo.targets.scoring import MISSING

Marks = list[str] | dict[str, int] | None
"""All labels that hold; or what is known of some, 1, 0 or -1 by name; or nothing."""

_SEPARATOR = ";"
_MARKS = {0: 0, 1: 1, None: MISSING}


def read_marks(target: str, cells: Sequence[object]) -> Iterator[Marks]:
    """Read the cells of a column one by one.

    Raises:
        DataError: After the last cell, all that could not be read.
    """
    hint = f'list the labels between {_SEPARATOR!r}, or as JSON: ["red", "round"]'
    return read_column(target, cells, _read_cell, None, hint=hint)


def marks_of(marks: Marks) -> Iterable[tuple[str, int]]:
    """Say each label that a cell names with its mark."""
    if isinstance(marks, dict):
        return marks.items()
    return ((name, 1) for name in marks or ())


def write_marks(names: Sequence[str], marks: Sequence[int]) -> list[str] | dict[str, int] | None:
    """Write one row as JSON has it: a list of what holds, or an object if only some is known."""
    if MISSING not in marks:
        return list(compress(names, marks))
    known = {name: mark for name, mark in zip(names, marks, strict=True) if mark != MISSING}
    return known or None


def _read_cell(cell: object) -> Marks:
    """Read one cell.

    Raises:
        ValueError: It says nothing that could be meant.
    """
    if isinstance(cell, str) and cell.lstrip().startswith(("[", "{")):
        cell = _parse(cell)
    if isinstance(cell, dict):
        return {_label(name): _mark(mark) for name, mark in cell.items()}
    if (items := items_of(cell)) is not None:
        return [_label(item) for item in items]
    parts = name_of(cell).split(_SEPARATOR)
    found = [label for part in parts if (label := part.strip())]
    return found if found or len(parts) > 1 else None


def _parse(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(f"{show(text)} is not JSON") from None


def _label(item: object) -> str:
    if name := name_of(item):
        return name
    raise ValueError(f"{show(item)} is not a label")


def _mark(value: object) -> int:
    try:
        return _MARKS[value]  # type: ignore[index]
    except (KeyError, TypeError):
        raise ValueError(f"{show(value)} is neither 0 nor 1") from None
