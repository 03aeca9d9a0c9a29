"""What the truths themselves tell: how they are balanced, what is missing, what stands out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from zoo.data.check.findings import MOST_GROUPS, Finding, count_of
from zoo.data.check.rows import Rows, gather_truths
from zoo.data.dataset import Dataset, Truth
from zoo.targets import ClassTarget, LabelsTarget, Target, ValueTarget

IMBALANCE = 10
"""How many times as many images the largest class may have as the smallest."""
FEW_IMAGES = 10
"""Of a class with fewer training images, little can be learnt and nothing measured."""
OUTLIER = 6
"""Standard deviations from the mean of the training data."""


def check_truths(dataset: Dataset, rows: Rows) -> Iterator[Finding]:
    """Yield what each target's truths tell."""
    for target in dataset.targets:
        truth = gather_truths(dataset, target.name)
        training = rows.split_of == rows.splits.index("train")
        yield from _find_missing(target, truth)
        match target:
            case ClassTarget():
                yield from _check_classes(target, truth, training)
            case LabelsTarget():
                yield from _check_labels(target, truth, training)
            case ValueTarget():
                yield from _check_values(target, truth, training, rows)


def _find_missing(target: Target, truth: Truth) -> Iterator[Finding]:
    if count := int((~target.present(truth)).sum()):
        yield Finding(
            kind="missing",
            severity="note",
            count=count,
            text=f"{count_of(count, 'row')} of {len(truth):,} without {target.name!r}; "
            f"{'it does' if count == 1 else 'they do'} not count for it",
        )


def _check_classes(
    target: ClassTarget, truth: Truth, training: NDArray[np.bool_]
) -> Iterator[Finding]:
    size = len(target.classes)
    trained = np.bincount(truth[training & (truth >= 0)], minlength=size)
    measured = np.bincount(truth[~training & (truth >= 0)], minlength=size)
    names = np.array(target.classes, dtype=object)
    if unseen := names[(trained == 0) & (measured > 0)].tolist():
        yield _unseen(target, unseen, "class", "classes")
    few = {name: n for name, n in zip(names, trained.tolist(), strict=True) if n < FEW_IMAGES}
    small = [name for name, count in few.items() if count < 2 and name not in unseen]
    if small:
        yield Finding(
            kind="small-classes",
            severity="spoils",
            count=len(small),
            text=f"{count_of(len(small), 'class', 'classes')} of {target.name!r} with fewer than "
            f"2 training images: {_list(small)}",
            hint="add images, or leave these classes out",
        )
    if scarce := [f"{name} ({count})" for name, count in few.items() if count > 1]:
        yield Finding(
            kind="few-images",
            severity="warning",
            count=len(scarce),
            text=f"{count_of(len(scarce), 'class', 'classes')} of {target.name!r} with fewer than "
            f"{FEW_IMAGES} training images: {_list(scarce)}",
            hint="expect little of them, and measure them on more",
        )
    yield from _find_imbalance(target, trained)


def _find_imbalance(target: ClassTarget, counts: NDArray[np.int64]) -> Iterator[Finding]:
    present = np.where(counts > 0, counts, counts.max(initial=0))
    smallest, largest = int(present.argmin()), int(counts.argmax())
    if counts[largest] >= IMBALANCE * max(present[smallest], 1):
        ratio = counts[largest] / present[smallest]
        yield Finding(
            kind="imbalance",
            severity="warning",
            count=len(target.classes),
            text=f"{target.classes[largest]} has {ratio:.0f} times as many training images "
            f"({counts[largest]:,}) as {target.classes[smallest]} ({counts[smallest]:,})",
            hint="judge by macro-F1 rather than by top-1; class weights may help",
        )


def _check_labels(
    target: LabelsTarget, truth: Truth, training: NDArray[np.bool_]
) -> Iterator[Finding]:
    trained = (truth[training] == 1).sum(axis=0)
    absent = (truth[training] == 0).sum(axis=0)
    measured = (truth[~training] == 1).sum(axis=0)
    names = np.array(target.classes, dtype=object)
    if unseen := names[(trained == 0) & (measured > 0)].tolist():
        yield _unseen(target, unseen, "label", "labels")
    if never := names[(trained == 0) & (measured == 0)].tolist():
        yield _useless(target, never, "label", "never set")
    if always := names[(absent == 0) & (trained > 0)].tolist():
        yield _useless(target, always, "label", "always set")
    few = (trained > 0) & (trained < FEW_IMAGES)
    if few.any():
        shown = [f"{name} ({count})" for name, count in zip(names[few], trained[few], strict=True)]
        yield Finding(
            kind="few-images",
            severity="warning",
            count=len(shown),
            text=f"{count_of(len(shown), 'label')} of {target.name!r} with fewer than "
            f"{FEW_IMAGES} training images: {_list(shown)}",
            hint="expect little of them, and measure them on more",
        )


def _check_values(
    target: ValueTarget, truth: Truth, training: NDArray[np.bool_], rows: Rows
) -> Iterator[Finding]:
    spans = _spans(truth[training])
    if constant := [c for c, span in zip(target.columns, spans, strict=True) if not span > 0]:
        yield _useless(target, constant, "column", "the same everywhere")
    distance = np.abs((truth - np.array(target.mean)) / np.array(target.std))
    far = np.nan_to_num(distance, nan=0.0)
    outliers = np.flatnonzero((far > OUTLIER).any(axis=1))
    if len(outliers):
        order = outliers[np.argsort(-far[outliers].max(axis=1), kind="stable")][:MOST_GROUPS]
        yield Finding(
            kind="outliers",
            severity="warning",
            count=len(outliers),
            text=f"{count_of(len(outliers), 'row')} whose {target.name!r} is more than {OUTLIER} "
            "standard deviations from the mean",
            hint="look for slips of the pen and other units; --loss huber bears them better",
            groups=tuple(
                (rows.place(row, _show_furthest(target, truth[row], far[row])),)
                for row in order.tolist()
            ),
        )


def _spans(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance between least and greatest of each column; NaN without any."""
    start = np.full(values.shape[1], np.nan)
    least = np.fmin.reduce(values, axis=0, initial=np.nan) if len(values) else start
    most = np.fmax.reduce(values, axis=0, initial=np.nan) if len(values) else start
    return np.asarray(most - least)


def _show_furthest(
    target: ValueTarget, values: NDArray[np.float64], far: NDArray[np.float64]
) -> str:
    column = int(far.argmax())
    return f"{target.columns[column]} = {values[column]:.6g}"


def _unseen(target: Target, names: list[str], noun: str, plural: str) -> Finding:
    they, them = ("it", "it") if len(names) == 1 else ("they", "them")
    return Finding(
        kind="unseen",
        severity="spoils",
        count=len(names),
        text=f"{count_of(len(names), noun, plural)} of {target.name!r} that training never sees: "
        f"{_list(names)}",
        hint=f"{they} can only be got wrong: add training images, or leave {them} out",
    )


def _useless(target: Target, names: list[str], noun: str, what: str) -> Finding:
    return Finding(
        kind="nothing-to-learn",
        severity="warning",
        count=len(names),
        text=f"{count_of(len(names), noun)} of {target.name!r} {what} in the training data: "
        f"{_list(names)}",
        hint=f"there is nothing to learn about {'it' if len(names) == 1 else 'them'}",
    )


def _list(names: list[str], most: int = 8) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
