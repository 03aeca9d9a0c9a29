"""Tables with a row a class, however many classes there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from zoo.card.markdown import fold, table

_UNFOLDED = 12
"""Rows of a table that are shown at once."""
_MOST = 300
"""Rows of a table that a card holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LongTable:
    """What stands in a table, and which rows matter most where not all have room."""

    title: str
    """Markdown."""
    head: Sequence[str]
    """The first column is text, all others are numbers."""
    rows: Sequence[Sequence[str]]
    """Markdown."""
    importance: Callable[[int], float]
    """Of a row by its index: the lowest stay."""
    kept: str
    """Which rows those are, such as `smallest`."""


def set_table(found: LongTable) -> str:
    """Show a short table, hide a long one behind its title, and leave out what has no room."""
    rows, title = found.rows, found.title
    if len(rows) > _MOST:
        order = sorted(range(len(rows)), key=found.importance)[:_MOST]
        title += f": the {_MOST} {found.kept} of {len(rows):,}"
        rows = [rows[at] for at in sorted(order)]
    body = table(found.head, rows, texts=1)
    return fold(title, body) if len(rows) > _UNFOLDED else f"**{title}**\n\n{body}"
