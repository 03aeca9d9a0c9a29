"""L2-regularised logistic regression on cached features, solved to convergence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.seeds import generator_for

_MAX_ITERATIONS = 1_000
_CONVERGED = 1e-5
"""Largest entry of the gradient at which the kept solution, in float64, counts as converged."""
_GOOD_ENOUGH = 1e-3
"""The same for the solutions that are only compared with each other, in float32."""
_PAST_MINIMUM = 1.01
"""Ratio to the lowest held-out loss at which the path ends."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Probe:
    """A linear head and how it was chosen."""

    weight: Tensor
    """float32 [classes, features]."""
    bias: Tensor
    """float32 [classes]."""
    strength: float
    """The L2 strength that was kept."""
    held_out_loss: dict[float, float]
    """Log loss (nats) on held-out training data by strength."""
    gradient: float
    """Largest entry of the gradient at the solution."""


@dataclass(frozen=True, slots=True, eq=False)
class _Scaling:
    """Centring and one common scale for all features.

    A scale a feature would blow up near-constant ones: folded back into plain weights, a
    feature that is dead on the training data gets an enormous weight and answers with noise
    on everything else.
    """

    mean: Tensor
    scale: Tensor

    @classmethod
    def of(cls, features: Tensor) -> _Scaling:
        spread = features.var(dim=0, correction=0).mean().sqrt()
        return cls(features.mean(dim=0), spread.clamp_min(torch.finfo(features.dtype).tiny))

    def apply(self, features: Tensor) -> Tensor:
        return (features - self.mean) / self.scale

    def fold(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Rewrite a head on scaled features as one on plain features."""
        plain = weight / self.scale
        return plain, bias - plain @ self.mean


def fit_probe(
    features: Tensor,
    labels: Tensor,
    num_classes: int,
    *,
    strengths: Sequence[float],
    folds: int,
    seed: int,
) -> Probe:
    """Choose the L2 strength by cross-validated log loss, then solve on everything.

    The strengths form a path from the strongest to the weakest, each started from the
    solution before it.

    Args:
        features: float32 [N, D].
        labels: int64 [N], in [0, num_classes).
        num_classes: Rows of the head.
        strengths: Candidates.
        folds: Parts of the cross-validation, made class by class.
        seed: Of the parts.
    """
    held_out = _cross_validate(features, labels, num_classes, strengths, folds, seed)
    best = min(held_out, key=lambda strength: held_out[strength])
    exact = features.double()
    scaling = _Scaling.of(exact)
    inputs = scaling.apply(exact)
    start = _zeros(num_classes, exact)
    weight, bias = _solve(inputs, labels, best, start, tolerance=_CONVERGED)
    gradient = _gradient(inputs, labels, best, weight, bias)
    weight, bias = scaling.fold(weight, bias)
    return Probe(
        weight=weight.float(),
        bias=bias.float(),
        strength=best,
        held_out_loss=held_out,
        gradient=gradient,
    )


def _cross_validate(
    features: Tensor,
    labels: Tensor,
    num_classes: int,
    strengths: Sequence[float],
    folds: int,
    seed: int,
) -> dict[float, float]:
    """Measure the mean held-out log loss by strength, from the strongest down.

    The path ends where the loss is clearly past its minimum: weaker strengths cost the most
    iterations and overfit more.
    """
    parts = []
    for train, test in _folds(labels, num_classes, folds, seed):
        scaling = _Scaling.of(features[train])
        parts.append(
            (
                scaling.apply(features[train]),
                labels[train],
                scaling.apply(features[test]),
                labels[test],
            )
        )
    heads = [_zeros(num_classes, features) for _ in parts]
    held_out: dict[float, float] = {}
    for strength in sorted(strengths, reverse=True):
        total = 0.0
        for at, (inputs, targets, unseen, answers) in enumerate(parts):
            heads[at] = _solve(inputs, targets, strength, heads[at], tolerance=_GOOD_ENOUGH)
            logits = F.linear(unseen, *heads[at])
            total += F.cross_entropy(logits, answers, reduction="sum").item()
        held_out[strength] = total / len(labels)
        if held_out[strength] > _PAST_MINIMUM * min(held_out.values()):
            break
    return held_out


def _zeros(num_classes: int, features: Tensor) -> tuple[Tensor, Tensor]:
    return features.new_zeros(num_classes, features.shape[1]), features.new_zeros(num_classes)


def _objective(
    inputs: Tensor, labels: Tensor, strength: float, weight: Tensor, bias: Tensor
) -> Tensor:
    """Mean log loss plus half the strength times the squared norm of the weights."""
    logits = F.linear(inputs, weight, bias)
    return F.cross_entropy(logits, labels) + 0.5 * strength * weight.square().sum()


def _solve(
    inputs: Tensor,
    labels: Tensor,
    strength: float,
    start: tuple[Tensor, Tensor],
    *,
    tolerance: float,
) -> tuple[Tensor, Tensor]:
    """Minimise the objective by L-BFGS with a strong-Wolfe line search."""
    weight, bias = (part.clone().requires_grad_() for part in start)
    optimizer = torch.optim.LBFGS(
        [weight, bias],
        max_iter=_MAX_ITERATIONS,
        tolerance_grad=tolerance,
        tolerance_change=1e-12,
        history_size=20,
        line_search_fn="strong_wolfe",
    )

    def closure() -> float:
        optimizer.zero_grad()
        loss = _objective(inputs, labels, strength, weight, bias)
        loss.backward()
        return loss.item()

    with torch.enable_grad():
        optimizer.step(closure)
    return weight.detach(), bias.detach()


def _gradient(
    inputs: Tensor, labels: Tensor, strength: float, weight: Tensor, bias: Tensor
) -> float:
    weight, bias = weight.clone().requires_grad_(), bias.clone().requires_grad_()
    with torch.enable_grad():
        _objective(inputs, labels, strength, weight, bias).backward()
    assert weight.grad is not None
    assert bias.grad is not None
    return max(weight.grad.abs().max().item(), bias.grad.abs().max().item())


def _folds(
    labels: Tensor, num_classes: int, folds: int, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield indices to train and to test on, every class dealt out evenly.

    A held-out sample whose class has no other sample is left out: no strength could have
    learnt it.
    """
    order = torch.randperm(len(labels), generator=generator_for(seed, "folds"))
    fold_of = torch.empty(len(labels), dtype=torch.long)
    position = 0
    for label in range(num_classes):
        members = order[labels[order] == label]
        fold_of[members] = (torch.arange(len(members)) + position) % folds
        position += len(members)
    for fold in range(folds):
        train = (fold_of != fold).nonzero().squeeze(1)
        known = torch.isin(labels, labels[train])
        test = ((fold_of == fold) & known).nonzero().squeeze(1)
        if len(train) and len(test):
            yield train, test
