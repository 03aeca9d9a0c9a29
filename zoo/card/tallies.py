"""How many samples of each class or label a run saw, by split; no sample is named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from zoo.data.dataset import Dataset, SplitName, Truth
from zoo.targets import ClassTarget, Target, ValueTarget


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Counts of one target's classes or labels; of a value's numbers, of those known."""

    names: tuple[str, ...]
    counts: Mapping[SplitName, tuple[int, ...]]
    """By split, in the order of the names."""


def tally(dataset: Dataset) -> dict[str, Tally]:
    """Count each target's classes in every split, by target."""
    return {
        target.name: Tally(
            names=target.columns if isinstance(target, ValueTarget) else target.classes,
            counts={
                split: _count(target, samples.truths[target.name])
                for split, samples in dataset.splits.items()
            },
        )
        for target in dataset.targets
    }


def _count(target: Target, truth: Truth) -> tuple[int, ...]:
    if isinstance(target, ClassTarget):
        found = np.bincount(truth[truth >= 0], minlength=len(target.classes))
    elif isinstance(target, ValueTarget):
        found = (~np.isnan(truth)).sum(axis=0)
    else:
        found = (truth == 1).sum(axis=0)
    return tuple(int(number) for number in found)
