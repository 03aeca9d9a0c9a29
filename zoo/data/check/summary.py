"""What a data set consists of, in a few numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoo.data.check.look import Looks
from zoo.data.dataset import Dataset
from zoo.targets import ClassTarget, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Widths and heights of the images, pixels."""

    smallest: tuple[int, int]
    """(width, height) of the image with the fewest pixels."""
    median: tuple[int, int]
    """Medians of widths and of heights."""
    largest: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Counts of images, truths and kinds of files."""

    images: Mapping[str, int]
    """By split."""
    targets: Mapping[str, str]
    """By name: what is to be learnt, in words."""
    classes: Mapping[str, Mapping[str, int]]
    """Training images by class, by the name of a `class` target."""
    sizes: Sizes | None = None
    """Nothing where no image was opened."""
    modes: Mapping[str, int] | None = None
    """Different images by Pillow's name of their mode; nothing where none was opened."""
    formats: Mapping[str, int] | None = None
    """The same by the format of the file."""


def summarise(dataset: Dataset, looks: Looks | None) -> Summary:
    """Count what there is.

    Args:
        dataset: Rows and truths.
        looks: What its different images look like, where they were opened.
    """
    readable = looks[looks["width"] > 0] if looks is not None else None
    opened = readable is not None and len(readable) > 0
    return Summary(
        images={split: len(samples) for split, samples in dataset.splits.items()},
        targets={target.name: _describe(target) for target in dataset.targets},
        classes={
            target.name: _count_classes(target, dataset.train.truths[target.name])
            for target in dataset.targets
            if isinstance(target, ClassTarget)
        },
        sizes=_measure(readable) if readable is not None and opened else None,
        modes=_count(readable["mode"]) if readable is not None else None,
        formats=_count(readable["format"]) if readable is not None else None,
    )


def _describe(target: Target) -> str:
    if target.kind == "value":
        return "a value" if target.num_outputs == 1 else f"{target.num_outputs} values"
    return f"{target.num_outputs} {'classes' if target.kind == 'class' else 'labels'}"


def _count_classes(target: ClassTarget, truth: NDArray[np.int64]) -> dict[str, int]:
    counts = np.bincount(truth[truth >= 0], minlength=len(target.classes))
    return dict(zip(target.classes, counts.tolist(), strict=True))


def _measure(looks: Looks) -> Sizes:
    widths, heights = looks["width"].astype(np.int64), looks["height"].astype(np.int64)
    order = np.argsort(widths * heights, kind="stable")
    least, most = order[0], order[-1]
    return Sizes(
        smallest=(int(widths[least]), int(heights[least])),
        median=(round(float(np.median(widths))), round(float(np.median(heights)))),
        largest=(int(widths[most]), int(heights[most])),
    )


def _count(names: NDArray[np.bytes_]) -> dict[str, int]:
    return {name.decode(): count for name, count in Counter(names.tolist()).most_common()}
