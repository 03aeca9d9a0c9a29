"""Classes and labels that one side of the data lacks, in words for whoever trains on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from zoo.data.check.findings import count_of
from zoo.data.dataset import Samples, SplitName, Truth
from zoo.targets import ClassTarget, LabelsTarget, Target

_SHOWN = 10
"""So many names are listed; all are counted."""


def note_absent(splits: Mapping[SplitName, Samples], targets: Sequence[Target]) -> Iterator[str]:
    """Name the classes that train and are not measured."""
    for target in targets:
        if not isinstance(target, ClassTarget):
            continue
        counts = _count(target, splits["validation"].truths[target.name])
        absent = [name for name, count in zip(target.classes, counts, strict=True) if not count]
        if absent:
            yield f"no validation sample is {_listed(absent)} ({target.name})"


def note_unseen(before: Samples, after: Samples, targets: Sequence[Target]) -> Iterator[str]:
    """Name the classes and labels that training no longer sees once it has fewer samples."""
    for target in targets:
        if not isinstance(target, ClassTarget | LabelsTarget):
            continue
        had, has = (_count(target, samples.truths[target.name]) for samples in (before, after))
        lost = [
            name for name, was, n in zip(target.classes, had, has, strict=True) if was and not n
        ]
        if lost:
            nouns = ("class", "classes") if target.kind == "class" else ("label", "labels")
            yield (
                f"{count_of(len(lost), *nouns)} of {target.name!r} that training never sees: "
                f"{_listed(lost)}"
            )


def _count(target: ClassTarget | LabelsTarget, truth: Truth) -> NDArray[np.int64]:
    """Count the samples of each class or label; [C]."""
    if target.kind == "labels":
        return np.asarray((truth == 1).sum(axis=0))
    return np.bincount(truth[truth >= 0], minlength=len(target.classes))


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
