"""Which samples make which step, in an order that can be taken up anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoo.data.dataset import Truth
from zoo.seeds import generator_for
from zoo.training.augment import Place


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Steps(Sequence[list[Place]]):
    """Steps of one epoch that follow each other, each written out when it is asked for."""

    epoch: int
    order: NDArray[np.int32]
    """Samples in the order of their turns; four bytes each, so that millions stay small."""
    size: int
    """Samples a step; the last may have fewer."""

    def __len__(self) -> int:
        return -(-len(self.order) // self.size)

    @overload
    def __getitem__(self, at: int) -> list[Place]: ...

    @overload
    def __getitem__(self, at: slice) -> Steps: ...

    def __getitem__(self, at: int | slice) -> list[Place] | Steps:
        steps = range(len(self))[at]
        if isinstance(steps, range):
            if steps.step != 1:
                raise ValueError("steps are not to be left out or turned around")
            part = self.order[steps.start * self.size : steps.stop * self.size]
            return replace(self, order=part)
        start = steps * self.size
        return [(self.epoch, index) for index in self.order[start : start + self.size].tolist()]

    @property
    def num_samples(self) -> int:
        """How many they have together."""
        return len(self.order)


def order_epoch(
    num_samples: int,
    step_size: int,
    *,
    seed: int,
    epoch: int,
    keep_last: bool = False,
    chances: Tensor | None = None,
) -> Steps:
    """Put one epoch in random order and cut it into steps; the same for the same arguments.

    All steps are full: what is left over sits this epoch out, and another handful the next,
    unless it is to be kept. A data set smaller than a step is one step.

    Args:
        num_samples: How many there are.
        step_size: Samples a step.
        seed: With the epoch, chooses the order.
        epoch: From 0.
        keep_last: Whether the last step may be smaller.
        chances: [N]; draws samples with these weights, repeatedly, instead of each once.
    """
    generator = generator_for(seed, "order", epoch)
    if chances is None:
        order = torch.randperm(num_samples, generator=generator)
    else:
        order = torch.multinomial(chances, num_samples, replacement=True, generator=generator)
    size = min(step_size, num_samples)
    kept = num_samples if keep_last else num_samples // size * size
    return Steps(epoch=epoch, order=order[:kept].to(torch.int32).numpy(), size=size)


def count_steps(num_samples: int, step_size: int, *, keep_last: bool = False) -> int:
    """Count the steps of an epoch."""
    size = min(step_size, num_samples)
    return -(-num_samples // size) if keep_last else num_samples // size


def balanced_chances(truth: Truth, num_classes: int) -> Tensor:
    """Weigh samples so that every class is drawn equally often.

    Samples without one are drawn as often as the mean.

    Args:
        truth: int64 [N], -1 where it is missing.
        num_classes: How many there are.
    """
    known = truth >= 0
    counts = np.bincount(truth[known], minlength=num_classes)
    chances = np.ones(len(truth))
    chances[known] = known.sum() / (np.count_nonzero(counts) * counts[truth[known]])
    return torch.from_numpy(chances)
