"""Whether rows that show the same image also say the same about it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zoo.data.dataset import Truth
from zoo.targets import Target
from zoo.targets.cells import name_of


def find_conflicts(target: Target, truth: Truth, group_of: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell the groups of which two rows contradict each other; what is missing contradicts nothing.

    Args:
        target: Whose truth it is.
        truth: [N, ...], in the target's own encoding.
        group_of: [N], in [0, groups).

    Returns:
        [groups].
    """
    sizes = np.bincount(group_of)
    rows = np.flatnonzero(sizes[group_of] > 1)
    groups, members = np.unique(group_of[rows], return_inverse=True)
    cells = as_numbers(target, truth[rows])
    shape = (len(groups), cells.shape[1])
    least, most = np.full(shape, np.nan), np.full(shape, np.nan)
    np.fmin.at(least, members, cells)
    np.fmax.at(most, members, cells)
    conflicts = np.zeros(len(sizes), dtype=np.bool_)
    conflicts[groups] = (most > least).any(axis=1)
    return conflicts


def as_numbers(target: Target, truth: Truth) -> NDArray[np.float64]:
    """Write any target's truth as numbers [N, any], NaN where missing."""
    cells = (truth if truth.ndim > 1 else truth[:, None]).astype(np.float64)
    return cells if target.kind == "value" else np.where(cells < 0, np.nan, cells)


def describe_truth(target: Target, truth: Truth) -> list[str]:
    """Say in words what rows are labelled as."""
    return [_in_words(cell) for cell in target.decode(truth)]


def _in_words(cell: object) -> str:
    match cell:
        case None:
            return "unlabelled"
        case dict():
            return "; ".join(f"{name}={value}" for name, value in cell.items())
        case list():
            return "; ".join(map(_in_words, cell)) or "no label"
    return name_of(cell)
