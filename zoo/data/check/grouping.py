"""Grouping images by the picture that they show, although their bytes differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoo.data.check.look import Looks
from zoo.data.check.neighbours import find_neighbours
from zoo.data.check.perceptual import (
    TURNS,
    compare_colours,
    compare_details,
    find_details,
    hash_thumbs,
    turn,
)
from zoo.data.check.pictures import FLAT
from zoo.progress import Progress

SAME_DETAILS = 0.9
"""Correlation of details from which two images are one picture."""
SAME_COLOURS = 10.0
"""Levels, of 255, by which the colours of one picture may differ on average."""

_BLOCK = 4096
"""Pairs compared at once."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grouping:
    """Which images show one picture."""

    group_of: NDArray[np.int64]
    """[D], in [0, groups)."""
    turned: dict[int, str]
    """How an image lies beside the one that it was found with, where not the same way."""


def group_pictures(looks: Looks, progress: Progress) -> Grouping:
    """Find the images that show one picture, in any of eight positions.

    Hashes tell which pairs may be alike, then details and colours decide. Both bounds come from
    three data sets of photographs: copies of other sizes, qualities and brightness, and those
    cropped by 3 %, correlate above 0.9 (99 % of them); different photographs of similar things
    before the same background, below 0.89.

    Args:
        looks: [D]; images of one colour, or that cannot be read, show no picture.
        progress: Hears of each position.
    """
    shown = np.flatnonzero(looks["spread"] > FLAT)
    luma = looks["luma"][shown]
    traits = _Traits(details=find_details(luma), chroma=looks["chroma"][shown])
    forest = _Forest(len(shown))
    known = hash_thumbs(luma)
    progress.start("duplicates", len(TURNS) * len(shown))
    for how in TURNS:
        asked = hash_thumbs(turn(luma, how)) if how else known
        for left, right in find_neighbours(asked, known):
            _join(forest, traits, left, right, how)
        progress.advance(len(shown))
    progress.finish()
    group_of = np.arange(len(looks))
    group_of[shown] = shown[forest.roots()]
    return Grouping(
        group_of=np.unique(group_of, return_inverse=True)[1],
        turned={int(shown[at]): how for at, how in forest.turned.items()},
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Traits:
    """What decides whether two images are one picture."""

    details: NDArray[np.int8]
    chroma: NDArray[np.int8]

    def are_same(
        self, left: NDArray[np.int64], right: NDArray[np.int64], how: str
    ) -> NDArray[np.bool_]:
        """Compare pairs, the left ones turned."""
        gaps = compare_colours(turn(self.chroma[left], how), self.chroma[right])
        likeness = compare_details(turn(self.details[left], how), self.details[right])
        return np.asarray((gaps <= SAME_COLOURS) & (likeness >= SAME_DETAILS))


class _Forest:
    """Images that are joined step by step; each knows the way to the first of its group."""

    def __init__(self, size: int) -> None:
        self._parents = np.arange(size)
        self.turned: dict[int, str] = {}

    def roots(self) -> NDArray[np.int64]:
        """The first image of everyone's group."""
        while True:
            above = self._parents[self._parents]
            if (above == self._parents).all():
                return above
            self._parents = above

    def join(self, left: int, right: int, how: str) -> None:
        """Make two groups one."""
        first, second = sorted((self._root(left), self._root(right)))
        if first != second:
            self._parents[second] = first
            if how:
                self.turned.setdefault(right, how)

    def _root(self, at: int) -> int:
        while (above := int(self._parents[at])) != at:
            at = above
        return at


def _join(
    forest: _Forest,
    traits: _Traits,
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    how: str,
) -> None:
    """Compare pairs that are not in one group yet, and join those that show one picture."""
    while True:
        roots = forest.roots()
        apart = roots[left] != roots[right]
        left, right = left[apart], right[apart]
        if not len(left):
            return
        ours, theirs = left[:_BLOCK], right[:_BLOCK]
        left, right = left[_BLOCK:], right[_BLOCK:]
        same = traits.are_same(ours, theirs, how)
        for one, other in zip(ours[same].tolist(), theirs[same].tolist(), strict=True):
            forest.join(one, other, how)
