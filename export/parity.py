"""How far two programs that should compute the same are apart, and how far they may be.

Two correct float32 programs differ. How much is measured, not guessed: the network runs in
float64 on a few inputs, and the distance of float32 PyTorch from it is the noise floor. An
exported graph may be a small multiple of that away from PyTorch, and is never asked for more
digits than float32 holds at the logits' magnitude.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

NOISE_MULTIPLE = 10.0
"""Bound over noise floor. The floor is the largest error on a dozen inputs; the bound must
hold for hundreds, with another summation order on both sides."""
LARGEST_BOUND = 0.01
"""Largest meaningful bound, as a part of the logits' spread."""
ULPS = 64.0
"""Least bound, in units of float32's spacing at the largest logit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far a correct program may be from the reference."""

    noise_floor: float
    """Largest distance of float32 PyTorch from float64 PyTorch, in logits."""
    bound: float
    """Largest permitted absolute difference, in logits."""
    spread: float
    """Distance of the highest from the lowest logit of an input, at the median."""

    @property
    def is_meaningful(self) -> bool:
        """Whether the bound is small beside what tells classes apart.

        A network whose own noise is as large as its answers cannot be proved to be anything.
        """
        return self.bound <= LARGEST_BOUND * self.spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The place where two programs differ most."""

    sample: str
    class_name: str
    reference: float
    candidate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """Distance of a candidate from a reference over a set of inputs."""

    max_abs_error: float
    mean_abs_error: float
    argmax_agreement: float
    """Part of the inputs with the same highest logit, in [0, 1]."""
    disagreements: tuple[str, ...]
    """Inputs whose highest logit differs although the reference is sure of it: its margin
    to the second exceeds twice the bound."""
    ties: tuple[str, ...]
    """Inputs whose margin is within twice the bound, so that either answer is right."""
    worst: Difference
    passed: bool


def tolerance_of(reference32: Tensor, reference64: Tensor) -> Tolerance:
    """Derive the tolerance from one set of inputs in two precisions.

    Args:
        reference32: Logits [N, C] of the network in float32.
        reference64: Logits [N, C] of the same network in float64.
    """
    noise = (reference32.double() - reference64).abs().max().item()
    spacing = torch.finfo(torch.float32).eps * reference64.abs().max().item()
    spread = (reference64.amax(dim=1) - reference64.amin(dim=1)).median().item()
    bound = max(NOISE_MULTIPLE * noise, ULPS * spacing)
    return Tolerance(noise_floor=noise, bound=bound, spread=spread)


def compare(
    reference: Tensor,
    candidate: Tensor,
    tolerance: Tolerance,
    *,
    samples: list[str],
    classes: tuple[str, ...],
) -> Parity:
    """Measure how far `candidate` is from `reference`.

    Args:
        reference: Logits [N, C] of the trained network, float32 or float64.
        candidate: Logits [N, C] of the exported one.
        tolerance: The bound.
        samples: What the N inputs are called.
        classes: What the C outputs are called.
    """
    difference = (candidate.double() - reference.double()).abs()
    worst = int(torch.where(difference.isnan(), torch.inf, difference).argmax())
    row, column = divmod(worst, difference.shape[1])
    same = reference.argmax(dim=1) == candidate.argmax(dim=1)
    top = reference.double().topk(2, dim=1).values
    sure = (top[:, 0] - top[:, 1]) > 2 * tolerance.bound
    disagreements = tuple(samples[at] for at in (sure & ~same).nonzero().flatten().tolist())
    within = bool((difference <= tolerance.bound).all())
    return Parity(
        max_abs_error=difference.max().item(),
        mean_abs_error=difference.mean().item(),
        argmax_agreement=same.double().mean().item(),
        disagreements=disagreements,
        ties=tuple(samples[at] for at in (~sure).nonzero().flatten().tolist()),
        worst=Difference(
            sample=samples[row],
            class_name=classes[column],
            reference=reference[row, column].item(),
            candidate=candidate[row, column].item(),
        ),
        passed=within and not disagreements and tolerance.is_meaningful,
    )
