"""The path of strengths, from the strongest to the weakest, each started from the one before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.training.probe.objective import Head, Loss, Objective
from zoo.training.probe.result import Probe, best_strength
from zoo.training.probe.scaling import Scaling

_CONVERGED = 1e-5
"""Largest entry of the gradient at which the kept solution, in float64, counts as converged."""
_GOOD_ENOUGH = 1e-3
"""The same for the solutions that are only compared with each other, in float32."""
_PAST_MINIMUM = 1.01
"""Ratio to the lowest held-out loss at which the path ends."""


class Kind(Protocol):
    """What a target kind brings to the path; truth is that of the samples at hand."""

    def start(self, truth: Tensor) -> Tensor:
        """Choose the bias [outputs] to set out from.

        The loss has no slope towards an output that the truth says too little about: its
        weights stay 0 and its bias stays here.
        """

    def training_loss(self, truth: Tensor, dtype: torch.dtype) -> Loss:
        """Open the loss that is minimised."""

    def held_out_loss(self, logits: Tensor, truth: Tensor) -> tuple[float, float]:
        """Sum the loss over known answers, and what it is to be divided by."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Fold:
    """One part of the cross-validation, at some point of the path."""

    objective: Objective
    head: Head
    unseen: Tensor
    """Scaled features that are held out."""
    answers: Tensor
    """Their truth."""


def fit_path(
    kind: Kind,
    features: Tensor,
    truth: Tensor,
    parts: Iterable[tuple[Tensor, Tensor]],
    strengths: Sequence[float],
) -> Probe:
    """Choose the strength by cross-validation, then solve on everything in float64.

    Args:
        kind: The target's losses.
        features: float32 [N, D].
        truth: [N] or [N, outputs].
        parts: Indices to train and to test on.
        strengths: Candidates, above 0.
    """
    held_out = _cross_validate(kind, features, truth, parts, strengths)
    best = best_strength(held_out, strengths)
    exact = features.double()
    scaling = Scaling.of(exact)
    objective, start = _pose(kind, scaling.apply(exact), truth)
    head = objective.minimise(best, start, tolerance=_CONVERGED)
    weight, bias = scaling.fold(*head)
    return Probe(
        weight=weight.float(),
        bias=bias.float(),
        strength=best,
        held_out_loss=held_out,
        gradient=objective.gradient(best, head),
    )


def _pose(kind: Kind, inputs: Tensor, truth: Tensor) -> tuple[Objective, Head]:
    bias = kind.start(truth).to(inputs)
    start = inputs.new_zeros(len(bias), inputs.shape[1]), bias
    return Objective(inputs=inputs, loss=kind.training_loss(truth, inputs.dtype)), start


def _open_fold(kind: Kind, features: Tensor, truth: Tensor, train: Tensor, test: Tensor) -> _Fold:
    seen = features[train]
    scaling = Scaling.of(seen)
    objective, start = _pose(kind, scaling.apply(seen), truth[train])
    return _Fold(
        objective=objective,
        head=start,
        unseen=scaling.apply(features[test]),
        answers=truth[test],
    )


def _cross_validate(
    kind: Kind,
    features: Tensor,
    truth: Tensor,
    parts: Iterable[tuple[Tensor, Tensor]],
    strengths: Sequence[float],
) -> dict[float, float]:
    """Measure the mean held-out loss by strength, from the strongest down.

    The path ends where the loss is clearly past its minimum: weaker strengths cost the most
    iterations and overfit more.
    """
    folds = [_open_fold(kind, features, truth, train, test) for train, test in parts]
    held_out: dict[float, float] = {}
    for strength in sorted(strengths, reverse=True) if folds else ():
        held_out[strength] = _advance(kind, folds, strength)
        if held_out[strength] > _PAST_MINIMUM * min(held_out.values()):
            break
    return held_out


def _advance(kind: Kind, folds: Sequence[_Fold], strength: float) -> float:
    """Take all folds to the next strength and return their mean held-out loss."""
    total = count = 0.0
    for fold in folds:
        fold.head = fold.objective.minimise(strength, fold.head, tolerance=_GOOD_ENOUGH)
        loss, weight = kind.held_out_loss(F.linear(fold.unseen, *fold.head), fold.answers)
        total += loss
        count += weight
    return total / count
