"""Multinomial logistic regression: one of several exclusive classes a sample."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.training.probe.blocks import read_blocks
from zoo.training.probe.folds import deal, find_known
from zoo.training.probe.objective import Loss
from zoo.training.probe.path import fit_path
from zoo.training.probe.result import Probe


def fit_class_probe(
    features: Tensor,
    truth: Tensor,
    num_classes: int,
    *,
    strengths: Sequence[float],
    folds: int,
    seed: int,
    class_weights: Tensor | None = None,
    units: Tensor | None = None,
) -> Probe:
    """Choose the L2 strength by cross-validated log loss, then solve on everything.

    A class without a sample has no solution: its bias would fall for ever. It gets weights of
    0 and the bias that half a sample would have earned it.

    Args:
        features: float32 [N, D].
        truth: int64 [N] in [0, num_classes), -1 = missing: the sample is left out.
        num_classes: Rows of the head.
        strengths: Candidates, above 0.
        folds: Parts of the cross-validation, made class by class.
        seed: Of the parts.
        class_weights: float [num_classes], above 0: what a sample of each class counts for, in
            training and among the held-out; losses are weighted means.
        units: int64 [N]; samples of one number stay in one part.

    Raises:
        DataError: No sample has a known class.
    """
    rows = find_known(truth >= 0)
    kind = _Classes(num_classes=num_classes, class_weights=class_weights)
    parts = _parts(rows, truth, folds, seed, units)
    probe = fit_path(kind, features, truth, rows, parts, strengths)
    return replace(probe, bias=_with_absent_classes(probe, features, rows))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Classes:
    """Cross-entropy over the classes that occur."""

    num_classes: int
    class_weights: Tensor | None

    def start(self, truth: Tensor) -> Tensor:
        """All classes alike, but -inf, a probability of 0, for one without a sample."""
        bias = torch.full((self.num_classes,), -torch.inf)
        bias[truth] = 0.0
        return bias

    def training_loss(self, truth: Tensor, dtype: torch.dtype) -> Loss:
        weights, total = self._weights(dtype), self._weight_of(truth)
        return lambda logits, some: F.cross_entropy(logits, some, weights, reduction="sum") / total

    def held_out_loss(self, logits: Tensor, truth: Tensor) -> tuple[float, float]:
        total = F.cross_entropy(logits, truth, self._weights(logits.dtype), reduction="sum")
        return total.item(), self._weight_of(truth)

    def _weights(self, dtype: torch.dtype) -> Tensor | None:
        return None if self.class_weights is None else self.class_weights.to(dtype)

    def _weight_of(self, truth: Tensor) -> float:
        """What samples count for together."""
        weights = self._weights(torch.float64)
        return len(truth) if weights is None else weights[truth].sum().item()


def _parts(
    rows: Tensor, truth: Tensor, folds: int, seed: int, units: Tensor | None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Deal out class by class.

    A held-out sample whose class has no other sample is left out: no strength could have
    learnt it.
    """
    for train, test in deal(rows, truth[rows], folds, seed, units):
        known = test[torch.isin(truth[test], truth[train])]
        if len(known):
            yield train, known


def _with_absent_classes(probe: Probe, features: Tensor, rows: Tensor) -> Tensor:
    """Give each class that no sample has half a sample's worth of probability over all."""
    absent = probe.bias.isneginf()
    if not absent.any():
        return probe.bias
    others = [
        F.linear(block, probe.weight, probe.bias).logsumexp(dim=1)
        for block, _ in read_blocks(features, rows)
    ]
    half_a_sample = math.log(0.5) - (-torch.cat(others)).logsumexp(dim=0)
    return torch.where(absent, half_a_sample, probe.bias)
