"""How long some calls take: by the CPU's clock, or by the GPU's own."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import torch


class Clock(Protocol):
    """A way to time calls."""

    def time(self, call: Callable[[], None], count: int) -> float:
        """Return how long `count` calls one after the other take, seconds."""


class WallClock:
    """For programs that are done when their call returns."""

    def time(self, call: Callable[[], None], count: int) -> float:
        """Return how long `count` calls one after the other take, seconds."""
        began = time.perf_counter()
        for _ in range(count):
            call()
        return time.perf_counter() - began


class CudaClock:
    """For programs that put their work on the current stream of a GPU and return at once.

    Two events on that stream enclose the work, so that neither waiting for it nor whatever
    was queued before is counted.
    """

    def time(self, call: Callable[[], None], count: int) -> float:
        """Return how long the stream works on `count` calls one after the other, seconds."""
        stream = torch.cuda.current_stream()
        began = torch.cuda.Event(enable_timing=True)
        ended = torch.cuda.Event(enable_timing=True)
        stream.synchronize()
        began.record(stream)
        for _ in range(count):
            call()
        ended.record(stream)
        ended.synchronize()
        return float(began.elapsed_time(ended)) / 1e3


def clock_for(device: torch.device) -> Clock:
    """Choose the clock of a device."""
    return CudaClock() if device.type == "cuda" else WallClock()
