"""What a user says about a target: which columns of a table, and of what kind it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, get_args

from zoo.errors import DataError

Kind = Literal["class", "labels", "value"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSpec:
    """Columns of a table that are learnt as one target."""

    name: str
    columns: tuple[str, ...]
    """One; or several numbers of one value, or several 0-or-1 columns of one labels target."""
    kind: Kind | None
    """None is to be guessed from the cells."""

    def __str__(self) -> str:
        columns = "+".join(self.columns)
        start = columns if self.name == "_".join(self.columns) else f"{self.name}={columns}"
        return f"{start}:{self.kind}" if self.kind else start


def parse_target(text: str, known: Sequence[str]) -> TargetSpec:
    """Read `[NAME=]COLUMN[+COLUMN…][:KIND]`, as in `price:value` or `size=width+height:value`.

    A column whose own name holds one of these marks is found all the same.

    Raises:
        DataError: An unknown column or kind, or several columns of a class.
    """
    start, colon, kind = text.rpartition(":")
    if not colon or text in known:
        start, kind = text, ""
    elif kind not in KINDS and start in known:
        raise DataError(f"{kind!r} is no kind of target", hint=f"known are {', '.join(KINDS)}")
    name, columns = _parse_columns(start, known)
    for column in columns:
        _require_known(column, known)
    if len(columns) > 1 and kind not in ("labels", "value"):
        raise DataError(
            f"{text!r} takes several columns for one target",
            hint=f"say {start}:value for numbers, {start}:labels for columns of 0 and 1, or "
            "name each class column by itself",
        )
    found = next((known_kind for known_kind in KINDS if known_kind == kind), None)
    return TargetSpec(name=name, columns=columns, kind=found)


def _parse_columns(text: str, known: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    if text in known:
        return text, (text,)
    name, equals, rest = text.partition("=")
    columns = tuple((rest if equals else text).split("+"))
    if equals and rest in known:
        columns = (rest,)
    return (name if equals else "_".join(columns)), columns


def _require_known(column: str, known: Sequence[str]) -> None:
    if column not in known:
        near = get_close_matches(column, known, n=1)
        meant = f"did you mean {near[0]!r}? " if near else ""
        raise DataError(
            f"the table has no column {column!r}",
            hint=f"{meant}its columns are {', '.join(known)}; a target is written "
            "[NAME=]COLUMN[+COLUMN][:KIND]",
        )
