"""Signals that stop the work at a safe point instead of anywhere."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from zoo.errors import RunInterruptedError


class StopFlag:
    """Whether a signal has asked the work to stop."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None

    def leave(self, resume: str) -> NoReturn:
        """Leave with the advice how to go on.

        Raises:
            RunInterruptedError: Always.
        """
        name = self.signal.name if self.signal else "a signal to another process"
        raise RunInterruptedError(f"by {name}, at a safe point", hint=resume)


@contextmanager
def stop_on_signals() -> Iterator[StopFlag]:
    """Turn the first SIGINT or SIGTERM into a flag; the second acts as it always does.

    Outside the main thread, where Python handles no signals, the flag is never set.
    """
    flag = StopFlag()
    if threading.current_thread() is not threading.main_thread():
        yield flag
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def set_flag(number: int, _frame: FrameType | None) -> None:
        flag.signal = signal.Signals(number)
        signal.signal(number, before[flag.signal])

    for number in before:
        signal.signal(number, set_flag)
    try:
        yield flag
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
