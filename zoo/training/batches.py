"""Which samples make which step, in an order that can be taken up anywhere."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from zoo.data.dataset import Truth
from zoo.seeds import generator_for
from zoo.training.augment import Place


def order_epoch(
    num_samples: int,
    step_size: int,
    *,
    seed: int,
    epoch: int,
    keep_last: bool = False,
    chances: Tensor | None = None,
) -> list[list[Place]]:
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
        order = torch.randperm(num_samples, generator=generator).tolist()
    else:
        order = torch.multinomial(
            chances, num_samples, replacement=True, generator=generator
        ).tolist()
    size = min(step_size, num_samples)
    places = [(epoch, index) for index in order]
    stop = num_samples if keep_last else num_samples - size + 1
    return [places[at : at + size] for at in range(0, stop, size)]


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
