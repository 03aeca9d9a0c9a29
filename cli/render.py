"""Results as tables or JSON on stdout."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table


def print_json(value: Any) -> None:
    """Print one JSON document."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_json_line(value: Any) -> None:
    """Print one JSON value as a line."""
    print(json.dumps(value, ensure_ascii=False, default=str))


def print_table(
    columns: Iterable[str], rows: Iterable[Iterable[str]], *, right: Iterable[str] = ()
) -> None:
    """Print a table; the columns named in `right` are numbers."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    numbers = set(right)
    for name in columns:
        table.add_column(
            name,
            justify="right" if name in numbers else "left",
            no_wrap=name in numbers,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*row)
    _console().print(table, markup=False)


def print_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Print names and values below each other."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        table.add_row(name, value)
    _console().print(table, markup=False)


def print_line(text: str = "") -> None:
    """Print a line of a result."""
    _console().print(text, markup=False, soft_wrap=True)


def _console() -> Console:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 160
    return console
