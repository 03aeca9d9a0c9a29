"""Rules that tell from some of a column's cells what the column may be for."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from zoo.data.check.findings import count_of
from zoo.data.folder import SPLIT_FOLDERS
from zoo.inputs.image import is_image
from zoo.inputs.members import file_of
from zoo.targets.cells import name_of, number_of

Role = Literal["input", "class", "labels", "value", "split", "unused"]

EMPTY = "empty"
"""Why a column is for nothing that has no cell."""

_FILES = 50
"""Cells that are looked for on the disk."""
_FEW = 10
"""So many different whole numbers may still be names of classes."""
_LONGEST_NAME = 60
"""Characters; cells that are longer on average are prose."""
_IDENTIFIER = re.compile(r"(^|[_\W])(id|ids|uid|uuid|hash|index|group|patient|subject)$", re.I)
_SPLIT = re.compile(r"split|subset|partition|set$|fold", re.I)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Column:
    """What the rules see of a column."""

    name: str
    folder: Path
    """Where relative file names start."""
    kind: pa.DataType
    cells: list[Any]
    """A sample, without the missing ones."""
    num_rows: int
    """Of the whole column, without the missing ones."""
    num_distinct: int
    """Different cells in the whole column."""


Found = tuple[Role, str] | None
"""What a column is for and why, in words for a person; or that the rule cannot tell."""


def may_be_split(name: str) -> bool:
    """Tell by its name whether a column may say which rows train and validate."""
    return bool(_SPLIT.search(name))


def _empty(column: Column) -> Found:
    return None if column.cells else ("unused", EMPTY)


def _not_plain(column: Column) -> Found:
    if pa.types.is_struct(column.kind) and {"bytes", "path"} & {f.name for f in column.kind}:
        return "unused", "holds images themselves; open the folder as a local data set"
    if pa.types.is_binary(column.kind) or pa.types.is_large_binary(column.kind):
        return "unused", "holds bytes"
    return ("unused", "holds dates") if pa.types.is_temporal(column.kind) else None


def _image(column: Column) -> Found:
    texts = [cell for cell in column.cells if isinstance(cell, str)]
    if not texts:
        return None
    names = texts[:: math.ceil(len(texts) / _FILES)]
    there = sum(_is_file(column.folder, name) for name in names)
    if 2 * there >= len(names):
        return "input", f"names files: {there} of {len(names)} cells looked at are there"
    if all(is_image(Path(name)) for name in names):
        return "unused", f"names images, but {there} of {len(names)} looked for are there"
    return None


def _is_file(folder: Path, name: str) -> bool:
    try:
        return file_of(folder / name.replace("\\", "/")).is_file()
    except (OSError, ValueError):
        return False


def _split(column: Column) -> Found:
    words = {name_of(cell) for cell in column.cells if isinstance(cell, str)}
    if not words or not may_be_split(column.name):
        return None
    known = all(word.lower() in SPLIT_FOLDERS for word in words)
    return ("split", f"says {', '.join(sorted(words))}") if known else None


def _constant(column: Column) -> Found:
    return ("unused", f"always {column.cells[0]!r}") if column.num_distinct == 1 else None


def _labels(column: Column) -> Found:
    if pa.types.is_nested(column.kind):
        return "labels", "holds lists"
    texts = [cell for cell in column.cells if isinstance(cell, str)]
    if any(cell.lstrip().startswith("[") for cell in texts):
        return "labels", "holds lists as JSON"
    pieces = [piece.strip() for cell in texts if ";" in cell for piece in cell.split(";")]
    if pieces and 2 * len(set(pieces)) <= len(pieces):
        return "labels", f"holds lists between semicolons, of {len(set(pieces))} different labels"
    return None


def _identifier(column: Column) -> Found:
    if not _IDENTIFIER.search(column.name):
        return None
    return "unused", f"looks like an identifier (--group {column.name!r} keeps it together)"


def _number(column: Column) -> Found:
    try:
        numbers = np.array([number_of(cell) for cell in column.cells])
    except ValueError:
        return None
    # 007 is a name that happens to have digits.
    if any(re.match(r"0\d", cell) for cell in column.cells if isinstance(cell, str)):
        return None
    numbers = numbers[~np.isnan(numbers)]
    if not len(numbers):
        return None
    whole = bool((numbers == np.rint(numbers)).all())
    if whole and column.num_distinct <= min(_FEW, column.num_rows // 2):
        return "class", f"{_different(column, 'whole number')} (add :value to measure)"
    return "value", f"numbers from {numbers.min():g} to {numbers.max():g}"


def _counter(column: Column) -> Found:
    cells = [str(cell) for cell in column.cells]
    if column.num_distinct < column.num_rows or not all(map(str.isdecimal, cells)):
        return None
    steps = np.diff([int(cell) for cell in cells])
    span = int(steps.sum()) + 1
    counts = bool((steps > 0).all()) and math.isclose(span, column.num_rows, abs_tol=1)
    return ("unused", "numbers the rows") if counts else None


def _prose(column: Column) -> Found:
    texts = [cell for cell in column.cells if isinstance(cell, str)]
    if texts and sum(map(len, texts)) > _LONGEST_NAME * len(texts):
        return "unused", "holds prose"
    if column.num_distinct > max(2, column.num_rows // 2):
        return "unused", f"{_different(column, 'cell')} in {count_of(column.num_rows, 'row')}"
    return None


def _class(column: Column) -> Found:
    return "class", _different(column, "name")


def _different(column: Column, noun: str) -> str:
    return count_of(column.num_distinct, f"different {noun}")


RULES: tuple[Callable[[Column], Found], ...] = (
    _empty,
    _not_plain,
    _image,
    _split,
    _constant,
    _labels,
    _identifier,
    _counter,
    _number,
    _prose,
    _class,
)
"""In this order; the first that has something to say is believed."""

KIND_RULES: tuple[Callable[[Column], Found], ...] = (_labels, _number, _class)
"""The same for a column of which it is known that it is to be learnt."""
