"""What goes over the wire: a request, its body as a stream, and an answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from io import BufferedIOBase
from threading import Event
from typing import Any
from urllib.parse import unquote

from tests.hub.content import PIECE, Content


class DroppedError(Exception):
    """The connection ended before the request was complete."""


class Body:
    """What a client sends, with a known length or in chunks (RFC 9112, sections 6 and 7)."""

    def __init__(self, stream: BufferedIOBase, headers: Message, *, drop_after: int | None) -> None:
        self._stream = stream
        self._chunked = headers.get("Transfer-Encoding", "").lower() == "chunked"
        self._left = int(headers.get("Content-Length") or 0)
        self._drop_after = drop_after
        self._done = False
        self.received = 0
        """How many bytes of it have come so far."""

    def pieces(self) -> Iterator[bytes]:
        """Read what has not been read yet.

        Raises:
            DroppedError: The client went away, or a fault ends the connection here.
        """
        source = self._chunks() if self._chunked else self._known()
        for piece in source:
            self.received += len(piece)
            if self._drop_after is not None and self.received >= self._drop_after:
                self.received = self._drop_after
                raise DroppedError
            yield piece
        if self._drop_after is not None:
            raise DroppedError
        self._done = True

    def read(self) -> bytes:
        return b"".join(self.pieces())

    def json(self) -> Any:
        return json.loads(self.read() or b"{}")

    def discard(self) -> None:
        """Read the rest, so that the next request can follow on this connection."""
        if not self._done:
            for _ in self.pieces():
                pass

    def _known(self) -> Iterator[bytes]:
        while self._left:
            piece = self._read(self._stream.read1, min(PIECE, self._left))
            if not piece:
                raise DroppedError
            self._left -= len(piece)
            yield piece

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self._read(self._stream.readline).split(b";")[0] or b"-1", 16):
            piece = self._read(self._stream.read, size) if size > 0 else b""
            if size < 0 or len(piece) < size:
                raise DroppedError
            self._read(self._stream.readline)
            yield piece
        self._read(self._stream.readline)

    @staticmethod
    def _read(how: Callable[..., bytes], *size: int) -> bytes:
        try:
            return how(*size)
        except (OSError, ValueError) as gone:
            raise DroppedError from gone


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a client asks for."""

    method: str
    path: str
    """As it was sent, still quoted: a quoted slash is not a separator."""
    query: Mapping[str, str]
    headers: Message
    body: Body

    @property
    def plain_path(self) -> str:
        return unquote(self.path)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the client gets."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Content = b""
    cut: int | None = None
    """After how many bytes the connection ends."""
    cut_counts_head: bool = False
    """Whether those are counted from the status line on, not from the body on."""
    reset: bool = True
    """Whether it ends as if the server had crashed (RST), not as if it were done (FIN)."""
    pause_s: float = 0.0
    """Wait before each piece, seconds."""
    piece: int = PIECE
    """Size of a piece, bytes."""
    gate: Event | None = None
    """Wait for this before the body's last byte."""


def as_json(value: object, status: int = 200, **headers: str) -> Answer:
    """Answer with JSON; an underscore in a header's name stands for a dash."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(
        status=status,
        headers={"Content-Type": "application/json; charset=utf-8", **named},
        body=json.dumps(value).encode(),
    )
