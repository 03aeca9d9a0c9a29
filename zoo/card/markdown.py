"""Text from anywhere made harmless in markdown, and the few forms that a card is built of."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Literal
from urllib.parse import quote, urlsplit

_LONGEST = 80
"""Characters of a name that a card shows."""
_STRUCTURAL = {sign: f"&#{ord(sign)};" for sign in "\\`[]<>|~$&#!:@{}=^"} | {
    "*": "\\*",
    "_": "\\_",
}
"""Entities never begin a table cell, a tag, a link, a formula or an emoji.

CommonMark 0.31, 6.2: an entity is text and never structure."""
_DIRECTIONS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
"""Marks that would turn the text behind them around."""
_CONTROLS = frozenset({"Cc", "Cs", "Zl", "Zp"})
_PLAIN_LINK = re.compile(r"www\.", re.IGNORECASE)


def one_line(text: str, longest: int = _LONGEST) -> str:
    """Make a name one line that can be read, without marks or controls; no escaping."""
    plain = _DIRECTIONS.sub("", text)
    plain = "".join(" " if unicodedata.category(sign) in _CONTROLS else sign for sign in plain)
    plain = " ".join(plain.split()) or "(blank)"
    return plain if len(plain) <= longest else f"{plain[: longest - 1].rstrip()}…"


def escape(text: str, longest: int = _LONGEST) -> str:
    """Write somebody's text so that it is shown as it is, in prose and in a table's cell."""
    shown = "".join(_STRUCTURAL.get(sign, sign) for sign in one_line(text, longest))
    return _PLAIN_LINK.sub(lambda found: f"{found[0][:-1]}&#46;", shown)


def code(text: str) -> str:
    """Write an identifier that zoo or a library made; anything else is escaped as prose."""
    return f"`{text}`" if re.fullmatch(r"[\w./@+,: -]+", text) else escape(text)


def link(text: str, address: str | None) -> str:
    """Link to a page of the web, or show the text alone where there is none to link to."""
    safe = safe_address(address)
    return f"[{text}]({safe})" if safe else text


def safe_address(address: str | None) -> str | None:
    """Let only addresses of the web pass, without a user's name or a password in them."""
    parts = urlsplit(address or "")
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        return None
    return quote(address or "", safe="/:?&=%#+,;~-._@")


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, texts: int | None = None) -> str:
    """Set a table.

    Args:
        head: Markdown, as all cells are.
        rows: Its lines.
        texts: Columns of text, which are the first; those behind them are numbers. None is all.
    """
    left = len(head) if texts is None else texts
    rules = [":--" if at < left else "--:" for at in range(len(head))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rules, *rows))


def fold(summary: str, body: str) -> str:
    """Hide a long part behind a line that opens it.

    That line is HTML, where entities count and backslashes do not.
    """
    summary = re.sub(r"\\([*_])", r"\1", summary)
    return f"<details>\n<summary>{summary}</summary>\n\n{body}\n\n</details>"


def alert(kind: Literal["WARNING", "CAUTION", "NOTE"], body: str) -> str:
    """Set a box that cannot be overlooked; a quotation where boxes are not known."""
    lines = [f"[!{kind}]", *body.split("\n")]
    return "\n".join(f"> {line}".rstrip() for line in lines)


def bullets(items: Iterable[str]) -> str:
    """List sentences."""
    return "\n".join(f"- {item}" for item in items)


def fence(language: str, source: str) -> str:
    """Set source code."""
    return f"```{language}\n{source.strip()}\n```"


def joined(parts: Sequence[str]) -> str:
    """Join parts of a sentence, markdown already."""
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)


def listed(names: Sequence[str], most: int = 12) -> str:
    """Name the first of many, escaped, and count the others."""
    shown = ", ".join(escape(name, 40) for name in names[:most])
    return f"{shown} and {len(names) - most:,} more" if len(names) > most else shown
