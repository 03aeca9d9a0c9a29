"""What a step lowers: the losses of all targets, as one number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from zoo.data.dataset import Samples
from zoo.inputs.transfer import send
from zoo.recipes import Recipe
from zoo.targets import (
    LOSSES,
    Target,
    TargetLoss,
    UncertaintyWeights,
    ValueTarget,
    balanced_class_weights,
    is_known,
)

Truths = Mapping[str, Tensor]


class Objective(nn.Module):
    """The weighted mean losses of a step, computed over any part of it.

    A part is divided by what the whole step counts, so that the gradients of the parts add up
    to that of the step, however it is cut.
    """

    def __init__(self, losses: Sequence[TargetLoss], recipe: Recipe) -> None:
        super().__init__()
        self._losses = nn.ModuleList(losses)
        several = len(losses) > 1 and recipe.weighting == "uncertainty"
        self.weights = UncertaintyWeights([loss.target for loss in losses]) if several else None

    @property
    def losses(self) -> dict[str, TargetLoss]:
        """Each target's loss; a target may be called as no module can."""
        return {loss.target.name: loss for loss in self._losses}  # type: ignore[misc,union-attr]

    def count(self, truths: Truths, device: torch.device) -> dict[str, Tensor]:
        """What a whole step counts, by target.

        Where nothing is known, that is 0; a target whose weight is learnt is left out instead.

        Args:
            truths: On the CPU, where looking at them makes no device wait.
            device: The objective's.
        """
        return {
            name: loss.weights(send(truths[name], device)).sum()
            for name, loss in self.losses.items()
            if self.weights is None or bool(is_known(truths[name]).any())
        }

    def forward(
        self,
        outputs: Mapping[str, Tensor],
        truths: Truths,
        divisors: Mapping[str, Tensor],
        *,
        share: float = 1.0,
        partner: Tensor | None = None,
        part: float = 1.0,
    ) -> Tensor:
        """Compute the loss of some rows of a step.

        Args:
            outputs: The network's, by target.
            truths: Of the same rows.
            divisors: `count` of the whole step.
            share: Part of the step that these rows are.
            partner: Where images were mixed, whose truth came in, as rows.
            part: Where images were mixed, how much of each is its own.
        """
        means = {}
        losses = self.losses
        for name, divisor in divisors.items():
            loss = losses[name]
            terms = loss.terms(outputs[name], truths[name])
            if partner is not None:
                others = loss.terms(outputs[name], truths[name][partner])
                terms = part * terms + (1 - part) * others
            means[name] = terms.sum() / divisor.clamp_min(torch.finfo(terms.dtype).tiny)
        if self.weights is not None:
            total: Tensor = self.weights(means, share)
            return total
        return torch.stack(list(means.values())).sum()


def build_objective(recipe: Recipe, targets: Sequence[Target], train: Samples) -> Objective:
    """Choose the losses that a recipe names, weighted by the training data where it says so.

    Raises:
        RecipeError: A loss does not fit the kind of its target.
    """
    return Objective([_loss_of(target, recipe, train) for target in targets], recipe)


def _loss_of(target: Target, recipe: Recipe, train: Samples) -> TargetLoss:
    weights = None
    if recipe.class_weights == "balanced" and not isinstance(target, ValueTarget):
        weights = balanced_class_weights(target, train.truths[target.name])
    return TargetLoss(
        target=target,
        name=recipe.losses.get(target.kind, next(iter(LOSSES[target.kind]))),
        weight=recipe.target_weights.get(target.name, 1.0),
        smoothing=recipe.label_smoothing,
        focal_gamma=recipe.focal_gamma,
        huber_delta=recipe.huber_delta,
        class_weights=weights,
    )
