"""A web server on loopback that a test fills, watches and breaks."""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a client asked for."""

    method: str
    target: str
    """As it was sent: path and query, or the whole address where the server is a proxy."""
    headers: Message
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Response:
    """What the client gets."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    chunked: bool = False
    """Send the body without saying beforehand how long it is."""
    cut: int | None = None
    """After how many bytes of the body the connection ends."""
    reset: bool = False
    """Whether it ends then as if the server had crashed."""


Fault = Callable[[Response], Response]
"""What goes wrong with an answer; it may wait as well."""


def cut(after: int, *, reset: bool = False) -> Fault:
    """Break off after that many bytes of the body."""
    return lambda answer: replace(answer, cut=after, reset=reset)


def refuse(status: int) -> Fault:
    """Answer with an error, without explaining it."""
    return lambda _: Response(status=status)


class WebServer:
    """Files by path; what it was asked for is in `requests`, in their order."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.requests: list[Request] = []
        self.ranges = True
        """Whether it can send the rest of a file."""
        self.chunked = False
        """Whether it keeps the length of a file to itself."""
        self.broken: Fault | None = None
        """What goes wrong with every answer."""
        self._faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> WebServer:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Be unreachable from now on."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def break_next(self, *faults: Fault, method: str = "GET") -> None:
        """Let the next answers to requests of a method go wrong, one after the other."""
        self._faults[method].extend(faults)

    def asked(self, method: str = "GET") -> list[Request]:
        return [request for request in self.requests if request.method == method]

    def answer(self, request: Request) -> Response:
        """Answer as long as nothing goes wrong."""
        if request.method not in ("GET", "HEAD") or request.target not in self.files:
            return Response(status=404)
        return self.send(self.files[request.target], request)

    def send(self, content: bytes, request: Request) -> Response:
        """Send a file, or the rest of it where that is asked for (RFC 9110, section 14)."""
        wanted = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
        if wanted is None or not self.ranges:
            return Response(body=content, chunked=self.chunked)
        size, begin = len(content), int(wanted[1])
        if begin >= size:
            return Response(status=416, headers={"Content-Range": f"bytes */{size}"})
        span = {"Content-Range": f"bytes {begin}-{size - 1}/{size}"}
        return Response(status=206, headers=span, body=content[begin:], chunked=self.chunked)

    def respond(self, request: Request) -> Response:
        """Answer, or fail in the way that was wanted."""
        self.requests.append(request)
        answer, faults = self.answer(request), self._faults[request.method]
        for fault in (self.broken, faults.popleft() if faults else None):
            answer = fault(answer) if fault else answer
        return answer


class _Handler(BaseHTTPRequestHandler):
    """One connection a request."""

    protocol_version = "HTTP/1.1"
    owner: WebServer

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        answer = self.owner.respond(
            Request(
                method=self.command,
                target=self.path,
                headers=self.headers,
                body=self.rfile.read(length),
            )
        )
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(_on_the_wire(answer))
        if answer.reset:
            self._crash()

    do_DELETE = do_GET = do_HEAD = do_POST = do_PUT = _handle  # noqa: N815

    def _crash(self) -> None:
        """End the connection with RST instead of FIN."""
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        socket.close(self.connection.detach())

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
        """Say nothing."""


def _on_the_wire(answer: Response) -> bytes:
    """Frame the body; where it is cut, its frame promises more."""
    body = answer.body[: answer.cut]
    if not answer.chunked:
        return body
    end = b"\r\n0\r\n\r\n" if answer.cut is None else b""
    return f"{len(answer.body):x}\r\n".encode() + body + end
