"""What goes wrong, said beforehand: which request, what with it, and how often."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from threading import Event, Lock

from tests.hub.content import cut_out, length_of, read
from tests.hub.messages import Answer, Request


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Nothing goes wrong yet: the base of what does."""

    @property
    def drop_request_after(self) -> int | None:
        """After how many bytes of the request's body the connection ends."""
        return None

    def before(self, request: Request) -> Answer | None:
        """Answer instead of the Hub, which then does nothing; or None."""
        return None

    def after(self, answer: Answer) -> Answer:
        """Change what the Hub answers; what was asked for is done."""
        return answer


@dataclass(frozen=True, kw_only=True)
class DropRequest(Fault):
    """The connection ends while the request is coming; nothing is done."""

    after_bytes: int = 0

    @property
    def drop_request_after(self) -> int | None:
        return self.after_bytes


@dataclass(frozen=True, kw_only=True)
class DropAnswer(Fault):
    """It is done, and the connection ends while the answer is going."""

    after_bytes: int = 0
    counts_head: bool = False
    """Whether the bytes are counted from the status line on, not from the body on."""
    reset: bool = True
    """As if the server had crashed, not as if it were done."""

    def after(self, answer: Answer) -> Answer:
        return replace(
            answer, cut=self.after_bytes, cut_counts_head=self.counts_head, reset=self.reset
        )


@dataclass(frozen=True, kw_only=True)
class Refuse(Fault):
    """An error instead of an answer; nothing is done."""

    status: int
    message: str = ""
    code: str | None = None
    retry_after_s: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """More of them, such as `ratelimit`."""

    def before(self, request: Request) -> Answer:
        headers = dict(self.headers)
        if self.message:
            headers["X-Error-Message"] = self.message
        if self.code:
            headers["X-Error-Code"] = self.code
        if self.retry_after_s is not None:
            headers["Retry-After"] = str(self.retry_after_s)
        return Answer(status=self.status, headers=headers, body=self.message.encode())


@dataclass(frozen=True, kw_only=True)
class DoneBut(Fault):
    """It is done, and yet the answer is an error.

    The Hub did so: https://github.com/huggingface/datasets/pull/7708
    """

    status: int = 500

    def after(self, answer: Answer) -> Answer:
        return Answer(status=self.status)


@dataclass(frozen=True, kw_only=True)
class Truncate(Fault):
    """The answer is in order, and too short."""

    to_bytes: int

    def after(self, answer: Answer) -> Answer:
        return replace(answer, body=cut_out(answer.body, 0, self.to_bytes))


@dataclass(frozen=True, kw_only=True)
class Corrupt(Fault):
    """The answer is in order and as long as it should be, and one bit of its body is wrong."""

    at_byte: int = 0

    def after(self, answer: Answer) -> Answer:
        if self.at_byte >= length_of(answer.body):
            return answer
        body = bytearray(read(answer.body))
        body[self.at_byte] ^= 1
        return replace(answer, body=bytes(body))


@dataclass(frozen=True, kw_only=True)
class Slow(Fault):
    """The body comes in small pieces, with a pause before each."""

    piece_bytes: int = 1024
    pause_s: float = 0.001

    def after(self, answer: Answer) -> Answer:
        return replace(answer, piece=self.piece_bytes, pause_s=self.pause_s)


@dataclass(frozen=True, kw_only=True)
class Stall(Fault):
    """All but the body's last byte comes; that one waits for `gate`, or for the server's end."""

    gate: Event = field(default_factory=Event)

    def after(self, answer: Answer) -> Answer:
        return replace(answer, gate=self.gate)


@dataclass(frozen=True, kw_only=True)
class Meanwhile(Fault):
    """Something happens just before the request is looked at: another commit, an expired token."""

    do: Callable[[], object]

    def before(self, request: Request) -> None:
        self.do()


@dataclass(kw_only=True)
class Rule:
    """A fault, and the requests that it is for."""

    method: str
    path: str
    fault: Fault
    times: int | None
    skip: int
    host: str
    fired: int = 0
    """How often it has happened."""

    def meets(self, host: str, method: str, path: str) -> bool:
        named = zip((self.host, self.method, self.path), (host, method, path), strict=True)
        return all(fnmatchcase(text, pattern) for pattern, text in named)


class Faults:
    """All that is going to go wrong."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self._lock = Lock()

    def on(
        self,
        method: str,
        path: str,
        fault: Fault,
        *,
        times: int | None = 1,
        skip: int = 0,
        host: str = "*",
    ) -> Rule:
        """Let something go wrong with requests.

        Args:
            method: Such as "PUT"; "*" is any.
            path: Unquoted and without its query; "*" is any text, slashes included.
            fault: What goes wrong.
            times: How often; None is always.
            skip: How many such requests go well before.
            host: "hub", "storage" or "*" for both.
        """
        rule = Rule(method=method, path=path, fault=fault, times=times, skip=skip, host=host)
        self.rules.append(rule)
        return rule

    def clear(self) -> None:
        """Let nothing go wrong from now on."""
        self.rules.clear()

    def take(self, host: str, method: str, path: str) -> list[Fault]:
        """Take what happens to this request."""
        with self._lock:
            return list(self._take(host, method, path))

    def _take(self, host: str, method: str, path: str) -> Iterator[Fault]:
        for rule in self.rules:
            if not rule.meets(host, method, path) or rule.fired == rule.times:
                continue
            if rule.skip:
                rule.skip -= 1
                continue
            rule.fired += 1
            yield rule.fault
