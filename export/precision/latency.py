"""How long two files take for the same images, one after the other in turns."""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median

import torch
from torch import Tensor

from export.precision.report import Latency
from export.session import OnnxModel, open_session

BATCH_SIZES = (1, 8)
_WARM_UP, _ROUNDS = 2, 15
_LONGEST_S = 8.0
"""Seconds for one batch size, after which no further round begins; a slow network has fewer."""
_LEAST = 3


def compare_latency(
    float32: bytes,
    variant: bytes,
    device: torch.device,
    images: Tensor,
    batch_sizes: Sequence[int] = BATCH_SIZES,
) -> tuple[Latency, ...]:
    """Time both in interleaved rounds, so that what else the machine does falls on both alike.

    Args:
        float32: The file to compare with.
        variant: The file in fewer bits.
        device: Where to run them.
        images: float32 [N, 3, H, W], at least one; they are repeated where they are too few.
        batch_sizes: How many images to run at a time.
    """
    sessions = (open_session(float32, device), open_session(variant, device))
    return tuple(_compare(sessions, _repeat(images, size)) for size in batch_sizes)


def _repeat(images: Tensor, count: int) -> Tensor:
    return images[torch.arange(count) % len(images)]


def _compare(sessions: tuple[OnnxModel, OnnxModel], batch: Tensor) -> Latency:
    for _ in range(_WARM_UP):
        for session in sessions:
            session.outputs(batch)
    began = time.perf_counter()
    rounds: list[list[float]] = []
    while len(rounds) < _ROUNDS:
        rounds.append([_time(session, batch) for session in sessions])
        if len(rounds) >= _LEAST and time.perf_counter() - began > _LONGEST_S:
            break
    ours, theirs = (median(column) for column in zip(*rounds, strict=True))
    return Latency(
        batch_size=len(batch),
        float32_ms=round(ours * 1e3, 3),
        variant_ms=round(theirs * 1e3, 3),
        ratio=round(theirs / ours, 3),
    )


def _time(session: OnnxModel, batch: Tensor) -> float:
    """Time one run behind another, which is not timed.

    The first wakes this session's threads. Meanwhile those of the other give up waiting for work,
    which they do by spinning.
    """
    session.outputs(batch)
    began = time.perf_counter()
    session.outputs(batch)
    return time.perf_counter() - began
