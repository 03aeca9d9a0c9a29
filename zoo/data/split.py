"""Cutting one set of samples in two, class by class."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import groupby

from zoo.data.dataset import Sample
from zoo.errors import DataError
from zoo.storage import sha256_of_bytes


def split_stratified(
    samples: Iterable[Sample], classes: Sequence[str], part: float, seed: int
) -> tuple[tuple[Sample, ...], tuple[Sample, ...]]:
    """Hold out `part` of each class, at least one sample and never all.

    Files are ordered by a hash of the seed and their *content*: renaming or moving them
    changes nothing, and identical files stay on one side.

    Returns:
        The kept and the held-out samples.

    Raises:
        DataError: Classes with fewer than two different images, all of them named.
    """
    by_class: dict[int, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_class[sample.label].append(sample)
    groups = {label: _shuffled_groups(members, seed) for label, members in by_class.items()}
    if small := [classes[label] for label, found in sorted(groups.items()) if len(found) < 2]:
        raise DataError(
            f"too few different images to hold one out for validation: {', '.join(small)}",
            hint="add images to these classes, remove the folders, or bring a validation set "
            "with --val",
        )
    kept: list[Sample] = []
    held_out: list[Sample] = []
    for label in sorted(groups):
        count = min(max(1, round(part * len(groups[label]))), len(groups[label]) - 1)
        held_out += [sample for group in groups[label][:count] for sample in group]
        kept += [sample for group in groups[label][count:] for sample in group]
    return tuple(kept), tuple(held_out)


def _shuffled_groups(samples: Sequence[Sample], seed: int) -> list[list[Sample]]:
    """Group identical files, in an order that depends on seed and content alone."""

    def key(sample: Sample) -> str:
        return sha256_of_bytes(f"{seed} {sample.sha256}".encode())

    ordered = sorted(samples, key=lambda sample: (key(sample), sample.path))
    return [list(group) for _, group in groupby(ordered, key=key)]
