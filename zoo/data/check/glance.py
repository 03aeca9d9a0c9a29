"""A glance at near duplicates across splits, at as many images as a few seconds allow."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from zoo.data.check.findings import Finding, count_of
from zoo.data.check.grouping import group_pictures
from zoo.data.check.look import look_at
from zoo.data.check.near import find_near_leaks
from zoo.data.check.rows import Rows
from zoo.data.check.suspects import size_of
from zoo.progress import Progress

MOST_IMAGES = 4096
"""Images decoded: four seconds of one core for photographs of some hundred pixels."""
MOST_BYTES = 1_000_000_000
"""Bytes read of them: seven seconds of one core for photographs of some thousand pixels."""


def glance_at_pictures(rows: Rows, progress: Progress) -> Iterator[Finding]:
    """Yield near duplicates across splits; of many images, among some of each side.

    Args:
        rows: All rows.
        progress: Hears of each image.
    """
    chosen = _choose_affordable(rows)
    some = rows.select(chosen)
    # Nobody asks for their digests.
    looks, _ = look_at([rows.path(row) for row in chosen.tolist()], ["-"] * len(chosen), progress)
    looks = looks[some.first_rows()]
    among = _describe_choice(rows, chosen)
    found = [
        *find_near_leaks(
            some,
            group_pictures(looks, progress),
            among=f" (found among {among})" if among else "",
            hint="`zoo check DATA` lists all; a table's --group COLUMN keeps related samples "
            "together",
        )
    ]
    yield from found
    if among and not found:
        left_out = int(rows.content.max() + 1) - len(chosen)
        yield Finding(
            kind="near-unseen",
            severity="note",
            count=left_out,
            text=f"{count_of(left_out, 'image')} not searched for near duplicates; there is none "
            f"among {among}",
            hint="`zoo check DATA` compares all",
        )


def _choose_affordable(rows: Rows) -> NDArray[np.int64]:
    """Choose rows of different contents, fewer where their files are large; one a side at least."""
    chosen = choose_rows(rows, MOST_IMAGES)
    total = sum(size_of(rows.path(row)) for row in chosen.tolist())
    if total <= MOST_BYTES:
        return chosen
    return choose_rows(rows, max(2, len(chosen) * MOST_BYTES // total))


def choose_rows(rows: Rows, most: int) -> NDArray[np.int64]:
    """Choose rows of different contents, half of them to train on, spread evenly over each side.

    So most pairs are compared; where one side has fewer, all of it and more of the other.
    """
    firsts = np.sort(rows.first_rows())
    training = rows.split_of[firsts] == rows.splits.index("train")
    measured, trained = firsts[~training], firsts[training]
    fewer = min(len(measured), max(most // 2, most - len(trained)))
    return np.sort(
        np.concatenate([_spread(measured, fewer), _spread(trained, most - fewer)]),
    )


def _spread(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).round().astype(np.int64)]


def _describe_choice(rows: Rows, chosen: NDArray[np.int64]) -> str:
    """Say how many images of each split were chosen; nothing where all were."""
    firsts = rows.first_rows()
    if len(chosen) == len(firsts):
        return ""
    sides = [
        np.bincount(rows.split_of[part], minlength=len(rows.splits)) for part in (chosen, firsts)
    ]
    parts = [
        f"{some:,} of {all_:,} {split}"
        for some, all_, split in zip(*sides, rows.splits, strict=True)
    ]
    return f"{', '.join(parts[:-1])} and {parts[-1]} images"
