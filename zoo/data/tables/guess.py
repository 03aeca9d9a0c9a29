"""Guessing what each column of a table is for, with the reason, for a user to confirm."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute

from zoo.data.tables.read import Table
from zoo.data.tables.rules import KIND_RULES, RULES, Column, Found, Role
from zoo.data.tables.spec import KINDS, Kind

KINDS_OF_TARGETS: Mapping[str, Kind] = {kind: kind for kind in KINDS}
"""Roles that are something to learn."""

_SAMPLE = 2_000
"""Rows that are looked at, spread evenly over the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """What one column seems to be for."""

    column: str
    role: Role
    reason: str
    """One line, for a person."""


def guess_columns(table: Table, names: Sequence[str] | None = None) -> tuple[Guess, ...]:
    """Guess the role of every column; at most one is the input, at most one the split.

    Args:
        table: Where they are.
        names: Of the columns to guess; all if left out.
    """
    guesses: list[Guess] = []
    for name in table.names if names is None else names:
        guess = _guess(table, name, RULES)
        if guess.role in ("input", "split") and any(g.role == guess.role for g in guesses):
            guess = Guess(column=name, role="unused", reason=f"a second {guess.role} column")
        guesses.append(guess)
    return tuple(guesses)


def guess_kind(table: Table, name: str) -> Guess:
    """Guess of which kind a column is that is known to be a target."""
    return _guess(table, name, KIND_RULES)


def to_options(guesses: Sequence[Guess]) -> str:
    """Write guesses as the options that would say the same."""
    words: list[str] = []
    for guess in guesses:
        if guess.role == "input":
            words.insert(0, f"--input {_quoted(guess.column)}")
        elif guess.role in KINDS_OF_TARGETS:
            words.append(f"--target {_quoted(f'{guess.column}:{guess.role}')}")
    return " ".join(words)


def _quoted(word: str) -> str:
    return word if re.fullmatch(r"[\w:.+=-]+", word) else f'"{word}"'


def _guess(table: Table, name: str, rules: Sequence[Callable[[Column], Found]]) -> Guess:
    column = _look_at(table, name)
    for rule in rules:
        if found := rule(column):
            return Guess(column=name, role=found[0], reason=found[1])
    raise AssertionError("the last rule always answers")


def _look_at(table: Table, name: str) -> Column:
    column = table.columns[name].drop_null()
    rows = np.unique(np.linspace(0, max(len(column) - 1, 0), _SAMPLE).astype(np.int64))
    cells = column.take(rows).to_pylist() if len(column) else []
    if pa.types.is_nested(column.type):
        distinct = len(set(map(str, cells)))
    else:
        distinct = pa.compute.count_distinct(column).as_py()
    return Column(
        name=name,
        folder=table.path.parent,
        kind=column.type,
        cells=cells,
        num_rows=len(column),
        num_distinct=distinct,
    )
