"""What was asked and answered, without anybody's secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import unquote

from tests.hub.auth import Accounts
from tests.hub.messages import Request

UNTOLD = "/api/agent-harnesses"
"""The client asks for this once a process, for its own name; which test that is, is chance."""

HIDDEN = "…"
"""Stands where a secret was."""


@dataclass(kw_only=True)
class Exchange:
    """One request and what became of it."""

    host: str
    """"hub" or "storage"."""
    method: str
    path: str
    """Unquoted, without the query."""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """By lower-case name; secrets are hidden."""
    user: str | None
    """Whose token came with it; "?" for a token that nobody has."""
    received: int = 0
    """Bytes of the request's body that came."""
    status: int | None = None
    """Of the answer; None as long as, or because, none was sent."""
    sent: int = 0
    """Bytes of the answer's body that went out."""
    faults: tuple[str, ...] = ()
    """What went wrong with it, by the names of the classes."""


class RequestLog:
    """All exchanges, in the order in which the requests came."""

    def __init__(self, accounts: Accounts) -> None:
        self.exchanges: list[Exchange] = []
        self.leaks: list[str] = []
        """Where a token was that should not have been there; nothing clears this."""
        self._accounts = accounts

    def __iter__(self) -> Iterator[Exchange]:
        return iter(list(self.exchanges))

    def __len__(self) -> int:
        return len(self.exchanges)

    def clear(self) -> None:
        self.exchanges.clear()

    def of(self, method: str = "*", path: str = "*", host: str = "*") -> list[Exchange]:
        """Select exchanges; "*" stands for any text, slashes included."""
        wanted = (method, path, host)
        return [
            each
            for each in self
            if all(map(fnmatchcase, (each.method, each.path, each.host), wanted))
        ]

    def begin(self, host: str, request: Request, faults: Iterable[object]) -> Exchange:
        """Write down that a request came."""
        headers = {name.lower(): text for name, text in request.headers.items()}
        exchange = Exchange(
            host=host,
            method=request.method,
            path=request.plain_path,
            query={name: self.hide(text) for name, text in request.query.items()},
            headers={name: self.hide(text) for name, text in headers.items()},
            user=self._user(headers.get("authorization")),
            faults=tuple(type(fault).__name__ for fault in faults),
        )
        self.leaks += self._leaks(host, request, headers)
        if exchange.path != UNTOLD:
            self.exchanges.append(exchange)
        return exchange

    @staticmethod
    def hide(text: str) -> str:
        """Take tokens and signatures out of a text."""
        return re.sub(r"hf_\w+|\b[0-9a-f]{32}\b", HIDDEN, text)

    def tokens_in(self, text: str) -> bool:
        """Say whether any token that was ever issued stands in a text."""
        return any(secret in text for secret in self._accounts.tokens)

    def _user(self, authorization: str | None) -> str | None:
        if authorization is None:
            return None
        token = self._accounts.tokens.get(authorization.removeprefix("Bearer ").strip())
        return token.user if token else "?"

    def _leaks(self, host: str, request: Request, headers: Mapping[str, str]) -> Iterator[str]:
        if self.tokens_in(unquote(request.path) + " ".join(request.query.values())):
            yield f"the address of {request.method} {host}"
        for name, text in headers.items():
            if self.tokens_in(text) and not (host == "hub" and name == "authorization"):
                yield f"the header {name} of {request.method} {host}"
        if host == "storage" and "authorization" in headers:
            yield f"an Authorization for {request.method} {host}"
