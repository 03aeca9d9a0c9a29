"""Keeping fewer training samples, which look like all of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from zoo.data.coverage import note_unseen
from zoo.data.dataset import Dataset
from zoo.data.split import find_strata, find_units
from zoo.seeds import derive_seed


def limit_train(dataset: Dataset, count: int | None, seed: int) -> Dataset:
    """Keep some of the training samples, a fair number of each class, label or quantile.

    The first target decides, as it does for a split. While `count` allows it, every class keeps
    a sample; a note names those that have none any more. Groups and equal images stay whole,
    except that the last one is cut to make the number right. A larger number keeps what a
    smaller one does.

    Args:
        dataset: Whose other splits stay as they are.
        count: Samples to keep; None for all.
        seed: Chooses others.
    """
    train = dataset.train
    if count is None or count >= len(train):
        return dataset
    target = dataset.targets[0]
    units = find_units(train, derive_seed(seed, "limit"))
    strata = find_strata(target, train.truths[target.name], 0.5)
    kept = train.select(np.sort(_order(units, strata)[:count]))
    note = f"training on {count} of {len(train)} samples"
    splits = {**dataset.splits, "train": kept}
    unseen = note_unseen(train, kept, dataset.targets)
    return replace(dataset, splits=splits, notes=(*dataset.notes, note, *unseen))


def _order(units: NDArray[np.int64], strata: NDArray[np.int64]) -> NDArray[np.int64]:
    """Order rows so that any first part of them has its share of every stratum; whole units.

    A unit counts for the rarest stratum that it has a row of. Its place is the part of that
    stratum's rows that come before it.
    """
    by_unit = np.lexsort((np.bincount(strata)[strata], units))
    first = by_unit[np.unique(units[by_unit], return_index=True)[1]]
    of_unit, rows = strata[first], np.bincount(units)
    order = np.argsort(of_unit, kind="stable")
    before = np.cumsum(rows[order]) - rows[order]
    begins = np.searchsorted(of_unit[order], of_unit[order])
    totals = np.bincount(of_unit, weights=rows)
    place = np.empty(len(rows))
    place[order] = (before - before[begins]) / totals[of_unit[order]]
    return np.lexsort((units, place[units]))
