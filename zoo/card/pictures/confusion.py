"""The confusion matrix as a picture: which classes are taken for which."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from zoo.card.figures import count
from zoo.card.pictures.style import (
    BLUES,
    INK,
    ORANGES,
    PAPER,
    SOFT,
    new_sheet,
    title,
    to_png,
    writable,
    writable_all,
)
from zoo.targets import ClassMetrics

_MOST_NAMED = 40
"""Classes whose names have room at the axes."""
_MOST_COUNTED = 16
"""Classes whose counts have room in the cells."""
_DARK = 0.66
"""Shade from which a cell is so dark that its count is written in white."""
_WORST = 0.5
"""Part of a class that is taken for another one, from which the shade is the darkest."""


def draw_confusion(metrics: ClassMetrics, split: str) -> bytes:
    """Draw each true class as a row of what it was taken for, shaded by part of that class."""
    counts = np.array(metrics.confusion_matrix)
    parts = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = writable_all([score.name for score in metrics.per_class])
    side = min(8.0, max(3.2, 1.2 + 0.42 * len(names)))
    labels = 0.07 * max(map(len, names)) if len(names) <= _MOST_NAMED else 0.0
    figure = new_sheet(max(side + 0.6 + labels, 4.6), side + 1.0 + labels / 2)
    axes = figure.add_subplot()
    right = np.eye(len(names), dtype=bool)
    shades = np.where(right, parts, np.minimum(parts / _WORST, 1))
    for shown, colours in ((right, BLUES), (~right, ORANGES)):
        layer = np.ma.masked_array(shades, ~shown)
        axes.imshow(layer, cmap=colours, vmin=0, vmax=1, interpolation="nearest")
    _name(axes, names)
    if len(names) <= _MOST_COUNTED:
        _write_counts(axes, counts, shades)
    title(axes, _title(metrics, split))
    return to_png(figure)


def _title(metrics: ClassMetrics, split: str) -> str:
    images = count(metrics.num_samples, f"{split} image")
    return writable(f"{images}: blue right, orange wrong", 80)


def _name(axes: Axes, names: list[str]) -> None:
    at = np.arange(len(names))
    axes.set_xlabel("answered", color=SOFT, fontsize=9)
    axes.set_ylabel("true", color=SOFT, fontsize=9)
    axes.tick_params(colors=INK, labelsize=8 if len(names) <= 24 else 6, length=0)
    axes.spines[:].set_visible(False)
    if len(names) > _MOST_NAMED:
        axes.set_xticks([])
        axes.set_yticks([])
        return
    steep = max(map(len, names)) > 4
    axes.set_xticks(at, names, rotation=45 if steep else 0, ha="right" if steep else "center")
    axes.set_yticks(at, names)
    if steep:
        for label in axes.get_xticklabels():
            label.set_rotation_mode("anchor")
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_parse_math(False)
    axes.set_xticks(at[:-1] + 0.5, minor=True)
    axes.set_yticks(at[:-1] + 0.5, minor=True)
    axes.grid(which="minor", color=PAPER, linewidth=1.2)
    axes.tick_params(which="minor", length=0)


def _write_counts(axes: Axes, counts: NDArray[np.int64], shades: NDArray[np.float64]) -> None:
    """Write every count that is not zero, and the right ones in bold."""
    for (row, column), found in np.ndenumerate(counts):
        if found:
            axes.text(
                column,
                row,
                f"{found:,}",
                ha="center",
                va="center",
                fontsize=8,
                fontweight="bold" if row == column else "normal",
                color=PAPER if shades[row, column] > _DARK else INK,
            )
