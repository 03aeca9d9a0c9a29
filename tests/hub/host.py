"""One host on loopback: connections that stay open, streamed bodies, faults, a log."""

from __future__ import annotations

import socket
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.hub.content import cut_out, length_of, pieces_of
from tests.hub.faults import Faults
from tests.hub.log import Exchange, RequestLog
from tests.hub.messages import Answer, Body, DroppedError, Request
from tests.hub.refusal import RefusedError

_GATE_S = 30.0
"""How long a stalled body waits at most."""


class Host:
    """A name, a port, and somebody who answers there."""

    def __init__(
        self, name: str, address: str, handle: Callable[[Request], Answer], faults: Faults,
        log: RequestLog,
    ) -> None:  # fmt: skip
        self.name = name
        self.handle = handle
        self.faults = faults
        self.log = log
        self.stopped = threading.Event()
        self.connections: set[socket.socket] = set()
        self.mistakes: list[str] = []
        """Tracebacks of requests that this server could not handle."""
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"owner": self}))
        self._server.mistakes = self.mistakes
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.address = f"http://{address}:{self._server.server_port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Be unreachable from now on; open connections end."""
        self.stopped.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        for connection in list(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Server(ThreadingHTTPServer):
    request_queue_size = 64
    mistakes: list[str]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep what went wrong, unless it is that a client went away."""
        if not isinstance(sys.exception(), OSError):
            self.mistakes.append(traceback.format_exc())


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    owner: Host

    def setup(self) -> None:
        super().setup()
        self.owner.connections.add(self.connection)

    def finish(self) -> None:
        self.owner.connections.discard(self.connection)
        with suppress(OSError):
            super().finish()

    def _handle(self) -> None:
        address = urlsplit(self.path)
        owner, self.close_connection = self.owner, self.owner.stopped.is_set()
        query = dict(parse_qsl(address.query, keep_blank_values=True))
        faults = owner.faults.take(owner.name, self.command, unquote(address.path))
        drop = next(
            (f.drop_request_after for f in faults if f.drop_request_after is not None), None
        )
        body = Body(self.rfile, self.headers, drop_after=drop)
        request = Request(
            method=self.command,
            path=address.path,
            query=query,
            headers=self.headers,
            body=body,
        )
        exchange = owner.log.begin(owner.name, request, faults)
        try:
            instead = [answer for f in faults if (answer := f.before(request)) is not None]
            if drop is not None:
                body.discard()
            answer = instead[0] if instead else self._ask(request)
            for fault in faults:
                answer = fault.after(answer)
            body.discard()
            exchange.received = body.received
            self._send(answer, exchange)
        except (DroppedError, OSError):
            exchange.received = body.received
            self._end(reset=True)

    do_DELETE = do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = _handle  # noqa: N815

    def _ask(self, request: Request) -> Answer:
        try:
            return self.owner.handle(request)
        except RefusedError as refusal:
            return refusal.answer()
        except DroppedError:
            raise
        except Exception:  # noqa: BLE001
            self.owner.mistakes.append(traceback.format_exc())
            return Answer(status=500)

    def _send(self, answer: Answer, exchange: Exchange) -> None:
        exchange.status = answer.status
        head, content = self._head(answer), b"" if self.command == "HEAD" else answer.body
        size = len(head) + length_of(content)
        end = size
        if answer.cut is not None:
            end = min(size, answer.cut + (0 if answer.cut_counts_head else len(head)))
        self.wfile.write(head[:end])
        content = cut_out(content, 0, max(0, end - len(head)))
        self._send_body(content, answer, exchange)
        if answer.cut is not None:
            self._end(reset=answer.reset)

    def _send_body(self, content: Any, answer: Answer, exchange: Exchange) -> None:
        whole = length_of(content)
        for part in pieces_of(content):
            for at in range(0, len(part), answer.piece):
                piece = part[at : at + answer.piece]
                if answer.pause_s:
                    time.sleep(answer.pause_s)
                exchange.sent += len(piece)
                if answer.gate and exchange.sent == whole:
                    self.wfile.write(piece[:-1])
                    self._wait(answer.gate)
                    piece = piece[-1:]
                self.wfile.write(piece)

    def _wait(self, gate: threading.Event) -> None:
        until = time.monotonic() + _GATE_S
        while not gate.wait(0.01):
            if self.owner.stopped.is_set() or time.monotonic() > until:
                raise DroppedError

    def _head(self, answer: Answer) -> bytes:
        named = {"Content-Length": str(length_of(answer.body)), **answer.headers}
        phrase = HTTPStatus(answer.status).phrase
        lines = [f"HTTP/1.1 {answer.status} {phrase}", *(f"{k}: {v}" for k, v in named.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def _end(self, *, reset: bool) -> None:
        self.close_connection = True
        with suppress(OSError):
            if reset:
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.rfile.close()
                socket.close(self.connection.detach())
            else:
                self.connection.shutdown(socket.SHUT_WR)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
        """Say nothing: what matters is in the log."""
