"""A Hub on loopback: the host itself, and another one that large files lie on."""

from __future__ import annotations

import hashlib
import re
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

from tests.hub.content import read
from tests.hub.faults import Faults
from tests.hub.host import Host
from tests.hub.lfs import Upload
from tests.hub.log import RequestLog
from tests.hub.messages import Answer, Request
from tests.hub.refusal import RefusedError
from tests.hub.repos import Blob
from tests.hub.state import Hub

_SEARCHED_BYTES = 1_000_000
"""Larger files are not searched for tokens."""

Route = tuple[str, str, Callable[..., Answer]]
"""Method (GET stands for HEAD too), pattern of the path, and who answers."""


class HubServer(Hub):
    """The Hub as the official client meets it.

    `with HubServer() as hub:` and HF_ENDPOINT is `hub.address`.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="hub-", ignore_cleanup_errors=True)
        super().__init__(Path(self._folder.name))
        self.faults = Faults()
        self.log = RequestLog(self.accounts)
        self.uploads: dict[str, Upload] = {}
        self._key = secrets.token_hex(16)
        main, storage = _routes()
        self.main = Host("hub", "127.0.0.1", self._answer(main), self.faults, self.log)
        self.storage = Host("storage", "localhost", self._answer(storage), self.faults, self.log)
        self.address = self.main.address
        self.waits: list[float] = []
        """How long the client would have waited before it tried again, seconds."""

    def __enter__(self) -> HubServer:
        self.main.start()
        self.storage.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
        self._folder.cleanup()
        mistakes = [*self.main.mistakes, *self.storage.mistakes]
        assert not mistakes, "\n".join(mistakes)

    def stop(self) -> None:
        """Be unreachable from now on."""
        self.main.stop()
        self.storage.stop()

    def sign(self, name: str) -> str:
        """Make an address of the storage one that only the Hub can have given out."""
        return hashlib.md5(f"{self._key}{name}".encode(), usedforsecurity=False).hexdigest()

    def assert_no_leak(self, *texts: str) -> None:
        """Check where no token may be: at the storage, in an address, in a file, in `texts`."""
        assert not self.log.leaks, self.log.leaks
        assert not any(map(self.log.tokens_in, texts)), "a token stands in a text"
        for repository in self.repositories.values():
            for commit in repository.commits.values():
                told = [path for path, blob in commit.files.items() if self._tells(blob)]
                assert not told, f"a token stands in {told} of {repository.id}"

    def _tells(self, blob: Blob) -> bool:
        small = blob.size <= _SEARCHED_BYTES
        return small and self.log.tokens_in(read(blob.content).decode(errors="replace"))

    def _answer(self, routes: tuple[Route, ...]) -> Callable[[Request], Answer]:
        def answer(request: Request) -> Answer:
            method = "GET" if request.method == "HEAD" else request.method
            for wanted, pattern, handle in routes:
                match = re.fullmatch(pattern, request.path)
                if match and wanted == method:
                    given = {k: unquote(v) for k, v in match.groupdict().items() if v is not None}
                    return handle(self, request, **given)
            raise RefusedError(404, "Sorry, we can't find the page you are looking for.")

        return answer


def _routes() -> tuple[tuple[Route, ...], tuple[Route, ...]]:
    from tests.hub.routes import (
        account,
        commits,
        discussions,
        reading,
        repositories,
        resolve,
        revisions,
        storage,
    )

    rooms = (account, repositories, reading, commits, revisions, discussions, storage, resolve)
    return tuple(route for room in rooms for route in room.ROUTES), storage.STORAGE
