"""What the outputs of each kind of target mean: what tells them apart, and what they decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.targets import ClassTarget, LabelsTarget, Target, ValueTarget

_TAILS = (0.05, 0.95)
"""Quantiles between which outputs are said to spread: a few odd inputs widen nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """What is decided for each input: one class, each of the labels, or nothing of values."""

    choices: Tensor
    """[N, D]"""
    margins: Tensor
    """float64 [N, D]; how far every output may move before a choice changes."""

    def agree(self, other: Decisions) -> Tensor:
        """Tell the inputs for which two programs decide alike, [N]."""
        return (self.choices == other.choices).all(dim=1)

    def ties(self, bound: float | Tensor) -> Tensor:
        """Tell the inputs for which a program within the bound may rightly decide otherwise.

        Args:
            bound: One for all inputs, or [N, 1].
        """
        return ~(self.margins > bound).all(dim=1)

    def disagree(self, other: Decisions, bound: float | Tensor) -> Tensor:
        """Tell the inputs for which another decides otherwise although these are sure, [N]."""
        return ((self.margins > bound) & (self.choices != other.choices)).any(dim=1)


def decide(target: Target, outputs: Tensor) -> Decisions:
    """Turn outputs [N, K] into what they decide."""
    exact = outputs.double()
    if isinstance(target, ClassTarget):
        # A single class has no second: the one that stands in for it is infinitely far.
        top = F.pad(exact, (0, 1), value=-torch.inf).topk(2, dim=1)
        first, second = top.values.split(1, dim=1)
        return Decisions(top.indices[:, :1], (first - second) / 2)
    if isinstance(target, LabelsTarget):
        cuts = torch.tensor(target.cuts, dtype=torch.float64).logit()
        return Decisions(exact > cuts, (exact - cuts).abs())
    nothing = exact[:, :0]
    return Decisions(nothing, nothing)


def names_of(target: Target) -> tuple[str, ...]:
    """Name the outputs of a target."""
    return target.columns if isinstance(target, ValueTarget) else target.classes


def blocks_of(target: Target) -> list[list[int]]:
    """Group the outputs that share a unit, and so a bound: logits do, values do not."""
    outputs = list(range(target.num_outputs))
    return [[at] for at in outputs] if isinstance(target, ValueTarget) else [outputs]


def spread_of(target: Target, outputs: Tensor) -> float:
    """Measure what tells answers apart.

    Of classes, the distance of an input's highest from its lowest logit, at the median input.
    Of labels and values, the distance of an output's highest from its lowest tail over the
    inputs, at the median output: each answers for itself, and says nothing where it is the same
    for every input.

    Args:
        target: Whose outputs they are.
        outputs: Those of one block, float32 [N, K].
    """
    if isinstance(target, ClassTarget):
        return (outputs.amax(dim=1) - outputs.amin(dim=1)).median().item()
    low, high = np.quantile(outputs.numpy(), _TAILS, axis=0)
    return float(np.median(high - low))


def ranges_of(target: Target, outputs: Tensor, usual: Tensor) -> Tensor:
    """Measure what tells the answers to each single input apart, float64 [N].

    Of classes, the distance of its highest from its lowest logit. Of labels and values, the
    largest distance of an output from what it usually is.

    Args:
        target: Whose outputs they are.
        outputs: Those of one block, [N, K].
        usual: The same of the inputs that are usual, [M, K].
    """
    exact = outputs.double()
    if isinstance(target, ClassTarget):
        return exact.amax(dim=1) - exact.amin(dim=1)
    return (exact - usual.double().median(dim=0).values).abs().amax(dim=1)


def pick(names: Sequence[str], which: Tensor) -> tuple[str, ...]:
    """Keep the names for which a mask holds."""
    return tuple(names[at] for at in which.nonzero().flatten().tolist())
