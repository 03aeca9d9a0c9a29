"""Files with the same bytes: in two splits, with two truths, or simply twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from zoo.data.check.conflicts import describe_truth, find_conflicts
from zoo.data.check.findings import MOST_PLACES, Finding, FoundFile, count_of
from zoo.data.check.rows import Rows, gather_truths, list_groups, one_of_each_split_first
from zoo.data.check.suspects import MOST_OPENED
from zoo.data.dataset import Dataset, Truth
from zoo.targets import Target


def check_identical(dataset: Dataset, rows: Rows, *, unopened: int = 0) -> Iterator[Finding]:
    """Yield leaks, contradictions and repetitions.

    Args:
        dataset: The truths.
        rows: All rows.
        unopened: Files among them that nobody compared with others of their size.
    """
    splits_of = count_splits(rows, rows.content)
    yield from _find_leaks(rows, splits_of > 1)
    for target in dataset.targets:
        truth = gather_truths(dataset, target.name)
        conflicts = find_conflicts(target, truth, rows.content)
        yield from conflict_finding(rows, target, truth, rows.content, conflicts)
    yield from _find_repeats(rows, splits_of == 1)
    yield from _find_unhashed(rows, unopened)


def count_splits(rows: Rows, group_of: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the splits that each group has rows in; [groups]."""
    counts = np.zeros(group_of.max(initial=-1) + 1, dtype=np.int64)
    for split in range(len(rows.splits)):
        counts += np.bincount(group_of[rows.split_of == split], minlength=len(counts)) > 0
    return counts


def conflict_finding(
    rows: Rows,
    target: Target,
    truth: Truth,
    group_of: NDArray[np.int64],
    conflicts: NDArray[np.bool_],
    kind: Literal["conflicts", "near-conflicts"] = "conflicts",
) -> Iterator[Finding]:
    """Report groups of images that contradict each other, each image with its truth."""
    if count := int(conflicts.sum()):
        what = "identical images" if kind == "conflicts" else "near duplicates"
        groups = list_groups(group_of, conflicts)
        yield Finding(
            kind=kind,
            severity="spoils" if kind == "conflicts" else "warning",
            count=count,
            text=f"{count_of(count, 'group')} of {what} with different {target.name!r}",
            hint="at most one of the answers can be right: correct or remove the others",
            groups=tuple(_with_truth(rows, target, truth, group) for group in groups),
        )


def count_measured(rows: Rows, chosen: NDArray[np.bool_]) -> str:
    """Say how many of the chosen rows [N] are of each split that measures."""
    counts = np.bincount(rows.split_of[chosen], minlength=len(rows.splits)).tolist()
    return "".join(
        f"; {count:,} of {split}"
        for count, split in zip(counts, rows.splits, strict=True)
        if split != "train" and count
    )


def _with_truth(
    rows: Rows, target: Target, truth: Truth, group: NDArray[np.int64]
) -> tuple[FoundFile, ...]:
    """Name a group's files so that the first ones differ in what is said of them."""
    words = np.array(describe_truth(target, truth[group]))
    firsts = np.unique(words, return_index=True)[1]
    order = [*firsts.tolist(), *np.delete(np.arange(len(group)), firsts).tolist()]
    return tuple(rows.place(int(group[at]), str(words[at])) for at in order)


def _find_leaks(rows: Rows, leaks: NDArray[np.bool_]) -> Iterator[Finding]:
    if count := int(leaks.sum()):
        yield Finding(
            kind="leaks",
            severity="spoils",
            count=count,
            text=f"{count_of(count, 'image')} in more than one split, in identical files"
            f"{count_measured(rows, leaks[rows.content])}",
            hint="a score on images that training saw says nothing: remove them from one split",
            groups=_place_groups(rows, list_groups(rows.content, leaks)),
        )


def _find_repeats(rows: Rows, inside: NDArray[np.bool_]) -> Iterator[Finding]:
    sizes = np.bincount(rows.content)
    repeated = inside & (sizes > 1)
    if count := int(repeated.sum()):
        surplus = int((sizes[repeated] - 1).sum())
        yield Finding(
            kind="repeats",
            severity="warning",
            count=count,
            text=f"{count_of(count, 'image')} more than once in one split "
            f"({count_of(surplus, 'row')} too many)",
            hint="each copy counts again, in training and in scores: keep one",
            groups=_place_groups(rows, list_groups(rows.content, repeated)),
        )


def _find_unhashed(rows: Rows, unopened: int) -> Iterator[Finding]:
    if unopened:
        yield Finding(
            kind="unopened",
            severity="note",
            count=unopened,
            text=f"{count_of(unopened, 'file')} of a size that another split has, too, not "
            f"compared with it: the quick check opens {MOST_OPENED:,}",
            hint="`zoo check DATA` compares all",
        )
    if count := int((rows.digests == b"").sum()):
        yield Finding(
            kind="unhashed",
            severity="note",
            count=count,
            text=f"{count_of(count, 'file')} compared with those of other splits only",
            hint="`zoo check DATA` finds copies within a split, too",
        )


def _place_groups(
    rows: Rows, groups: Iterable[NDArray[np.int64]]
) -> tuple[tuple[FoundFile, ...], ...]:
    return tuple(
        tuple(rows.place(row) for row in islice(one_of_each_split_first(rows, group), MOST_PLACES))
        for group in groups
    )
