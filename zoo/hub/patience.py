"""Trying again what a busy server or a broken connection refused."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from huggingface_hub.constants import is_offline_mode

from zoo.hub.cache import HUB_FAILURES
from zoo.hub.failures import find_root, retry_after_s, status_of

_WAITS_S = (1.0, 2.0, 4.0, 8.0)
"""Between one attempt and the next, where the server does not say."""
_LONGEST_WAIT_S = 60.0
"""A server that wants to be left alone for longer is reported instead."""
_PASSING = frozenset({408, 429, 500, 502, 503, 504})

Result = TypeVar("Result")


def patiently(action: Callable[[], Result]) -> Result:
    """Do something, up to five times, while what keeps it from being done may pass.

    Raises:
        HUB_FAILURES: The last attempt's.
    """
    for wait in _WAITS_S:
        try:
            return action()
        except HUB_FAILURES as failure:
            wait = retry_after_s(failure) or wait
            if not is_passing(failure) or wait > _LONGEST_WAIT_S:
                raise
            time.sleep(wait)
    return action()


def is_passing(failure: Exception) -> bool:
    """Tell whether it may go well the next time."""
    failure = find_root(failure)
    status = status_of(failure)
    if is_offline_mode():
        return False
    if status is not None:
        return status in _PASSING
    # The HTTP library's own errors are neither of the two.
    broken = isinstance(failure, (ConnectionError, TimeoutError))
    return broken or not isinstance(failure, (OSError, ValueError))
