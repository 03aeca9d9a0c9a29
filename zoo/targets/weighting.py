"""What counts how much: rare classes beside frequent ones, and one target beside another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from zoo.targets.classes import ClassTarget
from zoo.targets.kinds import Target
from zoo.targets.labels import LabelsTarget

if TYPE_CHECKING:
    from zoo.data.dataset import Truth

_HEAVIEST = 100.0
"""What a positive of a label counts at most beside a negative; at least its inverse."""


def balanced_class_weights(target: ClassTarget | LabelsTarget, truth: Truth | Tensor) -> Tensor:
    """Weigh classes by how rare they are in training, float32 [C].

    A row of class c counts N / (C * N_c), as scikit-learn's "balanced" has it; a class without
    a row counts as if it had one. A label's positives count what its negatives outnumber them
    by, between 1/100 and 100.
    """
    known = torch.as_tensor(truth)
    if isinstance(target, LabelsTarget):
        positives, negatives = ((known == mark).sum(dim=0).float() for mark in (1, 0))
        return (negatives / positives.clamp_min(1)).clamp(1 / _HEAVIEST, _HEAVIEST)
    counts = torch.bincount(known[known >= 0], minlength=len(target.classes)).float()
    return counts.sum() / (len(counts) * counts.clamp_min(1))


class UncertaintyWeights(nn.Module):
    """Learn what each target's loss counts (Kendall, Gal and Cipolla, arXiv:1705.07115).

    With s the log variance of a target's noise, the total is the sum of exp(-s) * loss + s / 2
    over targets of class or labels, and of exp(-s) * loss / 2 + s / 2 over values: the negative
    log likelihood of a softmax at temperature exp(s), and of a Gaussian of variance exp(s).
    The log variances begin at 0; weight decay would pull them back there.
    """

    factors: Tensor

    def __init__(self, targets: Sequence[Target]) -> None:
        super().__init__()
        self.names = tuple(target.name for target in targets)
        self.log_variances = nn.Parameter(torch.zeros(len(targets)))
        factors = [0.5 if target.kind == "value" else 1.0 for target in targets]
        self.register_buffer("factors", torch.tensor(factors), persistent=False)

    def forward(self, losses: Mapping[str, Tensor], share: float = 1.0) -> Tensor:
        """Sum the losses of a step.

        Args:
            losses: Mean loss by target's name. A target of which the step knows no truth is
                left out: alone, s / 2 would fall forever.
            share: Part of the step that these losses are, where a step is made of several.
        """
        # Nothing known is zero too, and can be differentiated.
        total = 0 * self.log_variances.sum()
        for name, s, factor in zip(self.names, self.log_variances, self.factors, strict=True):
            if name in losses:
                total = total + torch.exp(-s) * factor * losses[name] + share * s / 2
        return total
