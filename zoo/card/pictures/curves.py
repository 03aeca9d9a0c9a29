"""The course of training as a picture: losses and score by epoch, or how a head was solved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from zoo.card.course import Course, Epoch, Solve
from zoo.card.pictures.style import (
    BLUE,
    EDGE,
    INK,
    ORANGE,
    PAPER,
    SOFT,
    new_sheet,
    plain_axes,
    title,
    to_png,
    writable,
)

_WIDTH, _HEIGHT = 8.2, 3.2
_MOST_SOLVES = 3
"""Targets whose solved heads have room beside each other."""


def draw_curves(course: Course) -> bytes | None:
    """Draw what was logged; None where nothing was that makes a curve."""
    if course.epochs:
        return _draw_epochs(course)
    solves = [solve for solve in course.solves if len(solve.losses) > 1]
    return _draw_solves(solves[:_MOST_SOLVES]) if solves else None


def _draw_epochs(course: Course) -> bytes:
    figure = new_sheet(_WIDTH, _HEIGHT)
    panels = figure.subplots(1, 2 if course.score_name else 1, squeeze=False)[0]
    _draw_losses(panels[0], course.epochs)
    if course.score_name:
        _draw_score(panels[1], course.epochs, course.score_name)
    return to_png(figure)


def _draw_losses(axes: Axes, epochs: Sequence[Epoch]) -> None:
    _line(axes, [epoch.train_loss for epoch in epochs], ORANGE, "training")
    _line(axes, [epoch.validation_loss for epoch in epochs], BLUE, "validation")
    _set_epochs(axes, epochs)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=8, labelcolor=INK, handlelength=1.4)
    title(axes, "loss")


def _draw_score(axes: Axes, epochs: Sequence[Epoch], name: str) -> None:
    _line(axes, [epoch.score for epoch in epochs], BLUE, "validation")
    _set_epochs(axes, epochs)
    title(axes, f"{writable(name)} on validation images")


def _line(axes: Axes, values: Sequence[float], colour: str, label: str) -> None:
    at = range(1, len(values) + 1)
    axes.plot(at, values, color=colour, linewidth=1.7, label=label, solid_capstyle="round")
    axes.plot(at[-1], values[-1], "o", color=colour, markersize=4.5, markeredgecolor=PAPER)


def _set_epochs(axes: Axes, epochs: Sequence[Epoch]) -> None:
    plain_axes(axes)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel("epoch", color=SOFT, fontsize=8.5)
    axes.margins(x=0.03)
    for before, (last, following) in enumerate(pairwise(epochs), start=1):
        if last.phase != following.phase:
            axes.axvline(before + 0.5, color=EDGE, linewidth=1, linestyle=(0, (2, 2)))


def _draw_solves(solves: Sequence[Solve]) -> bytes:
    figure = new_sheet(_WIDTH if len(solves) > 1 else 5.2, _HEIGHT)
    panels = figure.subplots(1, len(solves), squeeze=False)[0]
    for axes, solve in zip(panels, solves, strict=True):
        _draw_solve(axes, solve)
    panels[0].set_ylabel("loss on held-out training images", color=SOFT, fontsize=8.5)
    return to_png(figure)


def _draw_solve(axes: Axes, solve: Solve) -> None:
    strengths, losses = zip(*solve.losses, strict=True)
    plain_axes(axes)
    axes.set_xscale("log")
    axes.minorticks_off()
    axes.plot(strengths, losses, color=BLUE, linewidth=1.7, marker="o", markersize=3)
    best = dict(solve.losses).get(solve.chosen, math.nan)
    if math.isfinite(best):
        axes.plot(solve.chosen, best, "o", color=ORANGE, markersize=7, markeredgecolor=PAPER)
        axes.annotate(
            f"{solve.chosen:g} chosen",
            (solve.chosen, best),
            xytext=(0, -8),
            textcoords="offset points",
            ha=_beside(solve.chosen, strengths),
            va="top",
            fontsize=8,
            color=ORANGE,
        )
    axes.set_xlabel("L2 strength", color=SOFT, fontsize=8.5)
    axes.margins(x=0.08, y=0.25)
    title(axes, writable(solve.target))


def _beside(chosen: float, strengths: Sequence[float]) -> Literal["left", "center", "right"]:
    """Keep what is written at an end of the axis off the frame."""
    if chosen == min(strengths):
        return "left"
    return "right" if chosen == max(strengths) else "center"
