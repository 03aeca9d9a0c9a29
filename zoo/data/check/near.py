"""Findings about images that show one picture in different files."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from zoo.data.check.conflicts import find_conflicts
from zoo.data.check.findings import Finding, FoundFile, count_of
from zoo.data.check.grouping import Grouping
from zoo.data.check.identical import conflict_finding, count_measured, count_splits
from zoo.data.check.rows import Rows, gather_truths, list_groups, one_of_each_split_first
from zoo.data.dataset import Dataset


def check_near(dataset: Dataset, rows: Rows, grouping: Grouping) -> Iterator[Finding]:
    """Yield near duplicates across splits and within one, and those that contradict each other.

    Args:
        dataset: Its truths.
        rows: All rows.
        grouping: Of the different contents.
    """
    group_of = grouping.group_of[rows.content]
    several = np.bincount(grouping.group_of) > 1
    within = several & (count_splits(rows, group_of) == 1)
    yield from find_near_leaks(
        rows,
        grouping,
        hint="look at them: a score on what training saw flatters; a group column keeps "
        "together what belongs together",
    )
    if count := int(within.sum()):
        yield Finding(
            kind="near-repeats",
            severity="warning",
            count=count,
            text=f"{count_of(count, 'picture')} more than once in one split, as near duplicates",
            hint="look at them: each copy counts again, in training and in scores",
            groups=_place_groups(rows, grouping, group_of, within),
        )
    for target in dataset.targets:
        if target.kind != "value":
            truth = gather_truths(dataset, target.name)
            conflicts = find_conflicts(target, truth, group_of) & several
            yield from conflict_finding(
                rows, target, truth, group_of, conflicts, kind="near-conflicts"
            )


def find_near_leaks(
    rows: Rows, grouping: Grouping, *, among: str = "", hint: str
) -> Iterator[Finding]:
    """Yield near duplicates across splits.

    Args:
        rows: All rows, or some.
        grouping: Of their different contents.
        among: Which images were compared, where not all were.
        hint: What to do about them.
    """
    group_of = grouping.group_of[rows.content]
    across = (np.bincount(grouping.group_of) > 1) & (count_splits(rows, group_of) > 1)
    if count := int(across.sum()):
        yield Finding(
            kind="near-leaks",
            severity="warning",
            count=count,
            text=f"{count_of(count, 'picture')} in more than one split, as near duplicates"
            f"{count_measured(rows, across[group_of])}{among}",
            hint=hint,
            groups=_place_groups(rows, grouping, group_of, across),
        )


def _place_groups(
    rows: Rows, grouping: Grouping, group_of: NDArray[np.int64], chosen: NDArray[np.bool_]
) -> tuple[tuple[FoundFile, ...], ...]:
    """Name the files of each group, and which of them lie another way."""
    return tuple(
        tuple(
            rows.place(row, grouping.turned.get(int(rows.content[row]), ""))
            for row in one_of_each_split_first(rows, group)
        )
        for group in list_groups(group_of, chosen)
    )
