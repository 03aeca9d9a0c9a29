"""What every probe ends with: a linear head and how it was chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Probe:
    """A linear head on plain features, and how it was chosen."""

    weight: Tensor
    """float32 [outputs, D]."""
    bias: Tensor
    """float32 [outputs]."""
    strength: float
    """The L2 strength that was kept."""
    held_out_loss: dict[float, float]
    """Loss on held-out training data by strength, a mean over known answers: log loss in nats,
    or squared error for values. Empty if nothing could be held out."""
    gradient: float
    """Largest entry of the objective's gradient at the solution, in float64."""


def best_strength(held_out: Mapping[float, float], strengths: Sequence[float]) -> float:
    """Name the strength of the lowest loss; with nothing held out, the strongest."""
    return min(held_out, key=lambda strength: held_out[strength]) if held_out else max(strengths)
