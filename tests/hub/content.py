"""What a body consists of: bytes in memory or a span of a file, read piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PIECE = 1 << 18
"""How many bytes are in memory at once."""


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a file."""

    path: Path
    begin: int
    """The first byte."""
    end: int
    """The byte after the last one."""


Content = bytes | Span


def whole(path: Path) -> Span:
    """Take all of a file."""
    return Span(path, 0, path.stat().st_size)


def length_of(content: Content) -> int:
    """Count the bytes."""
    return len(content) if isinstance(content, bytes) else content.end - content.begin


def cut_out(content: Content, begin: int, end: int) -> Content:
    """Take the bytes from `begin` up to `end`."""
    if isinstance(content, bytes):
        return content[begin:end]
    return Span(content.path, content.begin + begin, min(content.begin + end, content.end))


def pieces_of(content: Content) -> Iterator[bytes]:
    """Read it, never much at once."""
    if isinstance(content, bytes):
        yield from (content[at : at + PIECE] for at in range(0, len(content), PIECE))
        return
    left = content.end - content.begin
    with content.path.open("rb") as file:
        file.seek(content.begin)
        while left > 0 and (piece := file.read(min(PIECE, left))):
            left -= len(piece)
            yield piece


def read(content: Content) -> bytes:
    """Bring it into memory."""
    return b"".join(pieces_of(content))
