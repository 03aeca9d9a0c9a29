"""What a table's cell says: a name, a number, or nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from reprlib import Repr
from typing import TypeVar

import numpy as np

from zoo.errors import DataError

Read = TypeVar("Read")

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_NUMBERS = (int, float, Decimal)
_LARGEST = float(np.finfo(np.float32).max)
"""What a network's float32 output can reach."""
_SHOWN = 5
"""Rows and names that a message lists before it only counts."""
_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = 60


def name_of(cell: object) -> str:
    """Read a cell as a name; nothing, blanks and NaN are the empty name.

    Whole numbers are named without a decimal point, for a reader of tables turns integers
    beside empty cells into floats. Booleans are named as JSON writes them.

    Raises:
        ValueError: The cell is no single value.
    """
    if isinstance(cell, np.generic):
        cell = cell.item()
    match cell:
        case str():
            return "" if cell.isspace() else cell
        case None:
            return ""
        case bool():
            return "true" if cell else "false"
        case int():
            return str(cell)
        case float():
            if math.isnan(cell):
                return ""
            return str(int(cell)) if cell.is_integer() else repr(cell)
    raise ValueError(f"{show(cell)} is not a name")


def number_of(cell: object) -> float:
    """Read a cell as a number; nothing, blanks and NaN, also spelt out, are NaN.

    Raises:
        ValueError: The cell is no plain decimal number, or float32 cannot hold it.
    """
    if isinstance(cell, np.generic):
        cell = cell.item()
    number = _parse(cell) if cell is None or isinstance(cell, str) else cell
    if isinstance(number, bool) or not isinstance(number, _NUMBERS):
        raise ValueError(f"{show(cell)} is not a number")
    if number > _LARGEST or number < -_LARGEST:
        raise ValueError(f"{show(cell)} is beyond what float32 holds")
    return float(number)


def _parse(text: str | None) -> float | None:
    """Read a text as a number, NaN if it says nothing; None if it is not one."""
    plain = (text or "").strip()
    if plain.lower() in {"", "nan"}:
        return math.nan
    return float(plain) if _NUMBER.fullmatch(plain) else None


def items_of(cell: object) -> list[object] | None:
    """Take a cell that holds several values apart; None if it is a single one."""
    if isinstance(cell, np.ndarray):
        return list(cell.tolist())
    return list(cell) if isinstance(cell, list | tuple) else None


def show(cell: object) -> str:
    """Write a cell as it appears in a message, cut where it is long."""
    return _SHORT.repr(cell)


def names_hint(known: Sequence[str], wrong: str) -> str:
    """Say which names there are, and which of them may have been meant."""
    near = get_close_matches(wrong, known, n=1)
    meant = f"did you mean {near[0]!r}? " if near else ""
    more = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    return f"{meant}known are {', '.join(map(repr, known[:_SHOWN]))}{more}"


def read_column(
    target: str, cells: Sequence[object], read: Callable[[object], Read], blank: Read, *, hint: str
) -> Iterator[Read]:
    """Read cells one by one; one that `read` cannot read is `blank`, until the end.

    Raises:
        DataError: After the last cell, all that could not be read.
    """
    mistakes: dict[int, str] = {}
    for row, cell in enumerate(cells):
        try:
            value = read(cell)
        except ValueError as reason:
            mistakes[row] = str(reason)
            value = blank
        yield value
    if mistakes:
        raise refuse(target, mistakes, len(cells), hint=hint)


def refuse(target: str, mistakes: Mapping[int, str], count: int, *, hint: str) -> DataError:
    """Gather what is wrong with a column's cells in one error.

    Args:
        target: Whose cells they are.
        mistakes: What is wrong, by index; messages count rows from 1.
        count: All cells of the column, right or wrong.
        hint: What to do next.
    """
    lines = [f"  row {row + 1}: {text}" for row, text in list(mistakes.items())[:_SHOWN]]
    if (more := len(mistakes) - len(lines)) > 0:
        lines.append(f"  and {more} more")
    listing = "\n".join(lines)
    return DataError(
        f"target {target!r}: {len(mistakes)} of {count} cells cannot be used:\n{listing}",
        hint=hint,
    )
