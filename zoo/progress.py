"""What the library reports while it works; the terminal's side of it lives in `cli`."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A listener to long work."""

    def note(self, text: str) -> None:
        """Hear a line that stays on the screen."""

    def start(self, task: str, total: int) -> None:
        """Hear that a task of `total` images begins; it replaces the one before."""

    def advance(self, count: int, figures: str = "") -> None:
        """Hear that `count` more images are done, and the latest figures in words."""

    def finish(self) -> None:
        """Hear that the task is over."""


class Silence:
    """A listener that ignores everything."""

    def note(self, text: str) -> None:
        """Ignore a note."""

    def start(self, task: str, total: int) -> None:
        """Ignore a beginning."""

    def advance(self, count: int, figures: str = "") -> None:
        """Ignore an advance."""

    def finish(self) -> None:
        """Ignore an end."""
