"""Learning rates and momenta as functions of the step alone: a resumed run needs no state."""

from __future__ import annotations

import math

import torch

from zoo.recipes import DescendPhase

_CYCLE_RISE = 0.3
"""Part of a cycle in which the rate rises, unless the phase's `warmup` says another."""
_CYCLE_START = 1 / 25
"""A cycle's first rate over its peak."""
_CYCLE_END = _CYCLE_START / 1e4
"""A cycle's last rate over its peak."""
_CYCLE_MOMENTA = (0.85, 0.95)
"""Momentum at the peak of a cycle and at its two ends."""


def learning_rate_factor(phase: DescendPhase, step: int, total_steps: int) -> float:
    """Say what part of its peak the learning rate has at a step.

    A linear rise over the warm-up, then half a cosine down to zero (arXiv:1608.03983), a line
    down to zero (the slanted triangle of arXiv:1801.06146), drops by a factor, or no change.
    One-cycle (arXiv:1708.07120) has a rise of its own, and is torch's wherever its rise and its
    fall both take a step or more; in shorter phases the first or the last step but one is the
    peak, which torch would leave out.

    Args:
        phase: Whose schedule, warm-up and drops.
        step: Steps taken before this one, in [0, total_steps).
        total_steps: Steps of the whole phase.
    """
    if phase.schedule == "one-cycle":
        return _along_cycle(phase, step, total_steps, (_CYCLE_START, 1.0, _CYCLE_END))
    warmup = round(phase.warmup * total_steps)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    done = (step - warmup) / (total_steps - warmup)
    if phase.schedule == "cosine":
        return _half_cosine(1.0, 0.0, done)
    if phase.schedule == "linear":
        return 1 - done
    if phase.schedule == "step":
        return phase.step_factor ** sum(step >= round(at * total_steps) for at in phase.step_at)
    return 1.0


def cycled_momentum(phase: DescendPhase, step: int, total_steps: int) -> float | None:
    """Say which momentum a step has under one-cycle; None where momentum stays as it is.

    It is lowest where the learning rate is highest.
    """
    if phase.schedule != "one-cycle":
        return None
    low, high = _CYCLE_MOMENTA
    return _along_cycle(phase, step, total_steps, (high, low, high))


def set_learning_rates(
    optimizer: torch.optim.Optimizer, phase: DescendPhase, step: int, total_steps: int
) -> None:
    """Set every group's rate, and under one-cycle its momentum, for one step.

    Momentum is what the optimiser calls so, or the first of its betas; one that works without
    keeps working without.
    """
    factor = learning_rate_factor(phase, step, total_steps)
    momentum = cycled_momentum(phase, step, total_steps)
    for group in optimizer.param_groups:
        group["lr"] = group["peak_lr"] * factor
        if momentum is not None and group.get("momentum"):
            group["momentum"] = momentum
        if momentum is not None and "betas" in group:
            group["betas"] = (momentum, *group["betas"][1:])


def _along_cycle(
    phase: DescendPhase, step: int, total_steps: int, ends: tuple[float, float, float]
) -> float:
    """Interpolate between start, peak and end, where torch's OneCycleLR does."""
    start, peak, end = ends
    top = max(0.0, min((phase.warmup or _CYCLE_RISE) * total_steps - 1, total_steps - 2))
    if step == top:
        return peak
    if step < top:
        return _half_cosine(start, peak, step / top)
    return _half_cosine(peak, end, (step - top) / (total_steps - 1 - top))


def _half_cosine(start: float, end: float, done: float) -> float:
    """Go from start to end along half a cosine; `done` in [0, 1]."""
    return end + (start - end) / 2 * (1 + math.cos(math.pi * done))
