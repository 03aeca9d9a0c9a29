"""How far two programs that should compute the same are apart, and how far they may be.

Two correct float32 programs differ. How much is measured, not guessed: the network runs in
float64 on a few inputs, and the distance of float32 PyTorch from it is the noise floor. An
exported graph may be a small multiple of that away from PyTorch, and is never asked for more
digits than float32 holds at the outputs' magnitude.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.targets.scoring import Figure

NOISE_MULTIPLE = 10.0
"""Bound over noise floor. The floor is the largest error on a few inputs; the bound must
hold for hundreds, with another summation order on both sides."""
LARGEST_BOUND = 0.01
"""Largest meaningful bound, as a part of the outputs' spread."""
ULPS = 64.0
"""Least bound, in units of float32's spacing at the largest output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far a correct program may be from the reference."""

    noise_floor: float
    """Largest distance of float32 PyTorch from float64 PyTorch, in the outputs' unit."""
    bound: float
    """Largest permitted absolute difference, in the same unit."""
    spread: float
    """What tells answers apart, in the same unit."""

    @property
    def is_meaningful(self) -> bool:
        """Whether the bound is small beside what tells answers apart.

        A network whose own noise is as large as its answers cannot be proved to be anything.
        """
        return self.bound <= LARGEST_BOUND * self.spread < math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The place where two programs differ most."""

    sample: str
    output: str
    """The class, the label or the value."""
    reference: Figure
    candidate: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """Distance of a candidate from a reference over a set of inputs."""

    tolerance: Tolerance
    max_abs_error: float
    """NaN or infinite where the candidate is."""
    mean_abs_error: float
    worst: Difference
    passed: bool


def part_of(error: float, bound: float) -> float:
    """Say how much of what is permitted an error takes; infinite where it is not finite."""
    if not math.isfinite(error):
        return math.inf
    return error / bound if bound else math.inf if error else 0.0


def tolerance_of(reference32: Tensor, reference64: Tensor, spread: float) -> Tolerance:
    """Derive the tolerance from one set of inputs in two precisions.

    Args:
        reference32: Outputs [N, K] of the network in float32.
        reference64: Outputs [N, K] of the same network in float64.
        spread: What tells answers apart.
    """
    noise = (reference32.double() - reference64).abs().max().item()
    spacing = torch.finfo(torch.float32).eps * reference64.abs().max().item()
    bound = max(NOISE_MULTIPLE * noise, ULPS * spacing)
    return Tolerance(noise_floor=noise, bound=bound, spread=spread)


def compare(
    reference: Tensor,
    candidate: Tensor,
    tolerance: Tolerance,
    *,
    samples: Sequence[str],
    outputs: Sequence[str],
) -> Parity:
    """Measure how far `candidate` is from `reference`.

    Args:
        reference: Outputs [N, K] of the trained network, float32 or float64.
        candidate: Outputs [N, K] of the exported one.
        tolerance: The bound.
        samples: What the N inputs are called.
        outputs: What the K outputs are called.
    """
    difference = (candidate.double() - reference.double()).abs()
    worst = int(torch.where(difference.isnan(), torch.inf, difference).argmax())
    row, column = divmod(worst, difference.shape[1])
    within = bool((difference <= tolerance.bound).all())
    return Parity(
        tolerance=tolerance,
        max_abs_error=difference.max().item(),
        mean_abs_error=difference.mean().item(),
        worst=Difference(
            sample=samples[row],
            output=outputs[column],
            reference=reference[row, column].item(),
            candidate=candidate[row, column].item(),
        ),
        passed=within and tolerance.is_meaningful,
    )
