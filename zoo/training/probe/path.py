"""The path of strengths, from the strongest to the weakest, each started from the one before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.training.probe.objective import Head, Loss, Objective
from zoo.training.probe.part import Batch, Part
from zoo.training.probe.result import Probe, best_strength
from zoo.training.probe.scaling import Scaling

_CONVERGED = 1e-5
"""Largest entry of the gradient at which the kept solution, in float64, counts as converged."""
_GOOD_ENOUGH = 1e-3
"""The same for the solutions that are only compared with each other, in float32."""
_PAST_MINIMUM = 1.01
"""Ratio to the lowest held-out loss at which the path ends."""
_AT_HAND = 256 * 2**20
"""Bytes of scaled features that are kept at a time; more are scaled anew on every reading."""


class Kind(Protocol):
    """What a target kind brings to the path; truth is that of the samples at hand."""

    def start(self, truth: Tensor) -> Tensor:
        """Choose the bias [outputs] to set out from.

        The loss has no slope towards an output that the truth says too little about: its
        weights stay 0 and its bias stays here.
        """

    def training_loss(self, truth: Tensor, dtype: torch.dtype) -> Loss:
        """Open the loss that is minimised, for all of this truth, to be asked of parts of it."""

    def held_out_loss(self, logits: Tensor, truth: Tensor) -> tuple[float, float]:
        """Sum the loss over known answers, and what it is to be divided by."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Fold:
    """One part of the cross-validation, at some point of the path."""

    objective: Objective
    head: Head
    unseen: Iterable[Batch]


def fit_path(
    kind: Kind,
    features: Tensor,
    truth: Tensor,
    rows: Tensor,
    parts: Iterable[tuple[Tensor, Tensor]],
    strengths: Sequence[float],
) -> Probe:
    """Choose the strength by cross-validation, then solve on everything in float64.

    Args:
        kind: The target's losses.
        features: float32 [N, D].
        truth: [N] or [N, outputs].
        rows: int64 [n], rising: the samples of which something is known.
        parts: Rows to train and to test on.
        strengths: Candidates, above 0.
    """
    held_out = _cross_validate(kind, features, truth, parts, strengths)
    best = best_strength(held_out, strengths)
    everything = _scaled(features, truth, rows, torch.float64)
    objective, start = _pose(kind, everything, hold=everything.num_bytes <= _AT_HAND)
    head = objective.minimise(best, start, tolerance=_CONVERGED)
    weight, bias = everything.scaling.fold(*head)
    return Probe(
        weight=weight.float(),
        bias=bias.float(),
        strength=best,
        held_out_loss=held_out,
        gradient=objective.gradient(best, head),
    )


def _scaled(features: Tensor, truth: Tensor, rows: Tensor, dtype: torch.dtype) -> Part:
    return Part(
        features=features,
        truth=truth,
        rows=rows,
        scaling=Scaling.of(features, rows),
        dtype=dtype,
    )


def _pose(kind: Kind, part: Part, *, hold: bool) -> tuple[Objective, Head]:
    truth = part.truth[part.rows]
    bias = kind.start(truth).to(part.dtype)
    start = bias.new_zeros(len(bias), part.features.shape[1]), bias
    loss = kind.training_loss(truth, part.dtype)
    return Objective(batches=part.hold() if hold else part, loss=loss), start


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
    folds = _open_folds(kind, features, truth, parts)
    held_out: dict[float, float] = {}
    for strength in sorted(strengths, reverse=True) if folds else ():
        held_out[strength] = _advance(kind, folds, strength)
        if held_out[strength] > _PAST_MINIMUM * min(held_out.values()):
            break
    return held_out


def _open_folds(
    kind: Kind, features: Tensor, truth: Tensor, parts: Iterable[tuple[Tensor, Tensor]]
) -> list[_Fold]:
    """Pose the problem of each part; in memory if all of them have room there."""
    opened = []
    for train, test in parts:
        seen = _scaled(features, truth, train, torch.float32)
        opened.append((seen, replace(seen, rows=test)))
    hold = sum(part.num_bytes for pair in opened for part in pair) <= _AT_HAND
    folds = []
    for seen, unseen in opened:
        objective, head = _pose(kind, seen, hold=hold)
        folds.append(
            _Fold(objective=objective, head=head, unseen=unseen.hold() if hold else unseen)
        )
    return folds


def _advance(kind: Kind, folds: Sequence[_Fold], strength: float) -> float:
    """Take all folds to the next strength and return their mean held-out loss."""
    total = count = 0.0
    for fold in folds:
        fold.head = fold.objective.minimise(strength, fold.head, tolerance=_GOOD_ENOUGH)
        for inputs, truth in fold.unseen:
            loss, weight = kind.held_out_loss(F.linear(inputs, *fold.head), truth)
            total += loss
            count += weight
    return total / count
