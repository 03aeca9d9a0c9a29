"""Results as tables or JSON on stdout."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import partial
from textwrap import wrap
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.table import Table
from rich.text import Text

Fact = tuple[str, str]
"""Name and value."""

_MANY = 300
"""Rows beyond which nobody looks at a table's frame."""


def print_json(value: Any) -> None:
    """Print one JSON document."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_json_line(value: Any) -> None:
    """Print one JSON value as a line."""
    print(json.dumps(value, ensure_ascii=False, default=str))


def print_table(
    columns: Iterable[str],
    rows: Iterable[Iterable[str]],
    *,
    right: Iterable[str] = (),
    fold: bool = True,
    lines_in_cells: bool = False,
) -> None:
    """Print a table; the columns named in `right` are numbers.

    The end of a line within a cell is escaped, unless `lines_in_cells`.

    Into a pipe, and where there is much, it is printed line by line as it is: rich measures
    and folds every cell, which takes seconds for thousands. So it is, too, where it is too
    wide and cells are not to be folded.
    """
    ends = "\n" if lines_in_cells else "\\n"
    lines = [[shown(cell).replace("\n", ends) for cell in line] for line in (columns, *rows)]
    numbers = set(right)
    console = _console()
    width = sum(max(map(len, cells)) + 3 for cells in zip(*lines, strict=True))
    too_wide = not fold and width > console.width
    if len(lines) > _MANY or too_wide or not console.is_terminal:
        _print_plain(lines, numbers)
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in lines[0]:
        table.add_column(
            name,
            justify="right" if name in numbers else "left",
            no_wrap=name in numbers,
            overflow="fold",
        )
    for row in lines[1:]:
        table.add_row(*row)
    _console().print(table, markup=False)


def _print_plain(lines: list[list[str]], numbers: set[str]) -> None:
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    for line in lines:
        cells = (
            cell.rjust(width) if column in numbers else cell.ljust(width)
            for cell, width, column in zip(line, widths, lines[0], strict=True)
        )
        print("  ".join(cells).rstrip())


def print_facts(facts: Iterable[Fact], *, style: str = "dim") -> None:
    """Print names and values below each other; into a pipe, no line of a value is folded.

    On a terminal, lines are folded between words only: what is to be copied stays whole.

    Args:
        facts: A value may be of several lines.
        style: How names look, in rich's words.
    """
    cells = [(shown(name), shown(value)) for name, value in facts]
    console = _console()
    if not console.is_terminal:
        _print_plain_facts(cells)
        return
    width = max((cell_len(name) for name, _ in cells), default=0)
    room = max(console.width - width - 2, 1)
    for name, value in cells:
        for at, line in enumerate(_fold(value, room)):
            label = set_cell_size("" if at else name, width)
            console.print(Text.assemble((label, style), "  ", line), soft_wrap=True)


def _fold(text: str, width: int) -> list[str]:
    """Fold lines between words; a longer word stays whole."""
    fold = partial(wrap, width=width, break_long_words=False, break_on_hyphens=False)
    return [part for line in text.split("\n") for part in fold(line) or [""]]


def _print_plain_facts(facts: list[Fact]) -> None:
    width = max((len(name) for name, _ in facts), default=0)
    for name, value in facts:
        for at, line in enumerate(value.split("\n")):
            print(f"{'' if at else name:<{width}}  {line}".rstrip())


def print_heading(text: str) -> None:
    """Print the title of a part of a result; a rule beside it where somebody looks."""
    console = _console()
    if console.is_terminal:
        console.rule(Text(shown(text), style="bold"), align="left", style="dim")
    else:
        print(shown(text))


def print_line(text: str = "") -> None:
    """Print a line of a result."""
    _console().print(shown(text), markup=False, soft_wrap=True)


def shown(text: str) -> str:
    """Show control characters instead of sending them to the terminal; texts come from others."""
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


def note(text: str) -> None:
    """Print a line beside the result, on stderr."""
    Console(stderr=True, highlight=False).print(
        shown(text), markup=False, soft_wrap=True, style="dim"
    )


def _console() -> Console:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 160
    return console
