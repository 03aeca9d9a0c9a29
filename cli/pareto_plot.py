"""The front of published accuracy over cost, as a picture."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from zoo.registry import Backbone
from zoo.registry.search import Cost, cost_of, pareto_front
from zoo.storage import write_bytes

_INK, _GREY, _ACCENT, _FAINT = "#1f2933", "#b8c1cc", "#0b6e99", "#e4e8ec"
_UNITS: dict[Cost, tuple[float, str]] = {
    "macs": (1e9, "GMACs of one image, at the network's own input size"),
    "params": (1e6, "million parameters"),
}
_LEADER = {
    "arrowstyle": "-",
    "color": _GREY,
    "linewidth": 0.6,
    "relpos": (1, 0.4),
    "shrinkA": 1,
    "shrinkB": 3,
}
_LINE = 10.0
"""Distance between the lines of two labels, points."""


def draw(path: Path, entries: Sequence[Backbone], cost: Cost) -> None:
    """Draw all entries with a published accuracy, and the front among them.

    Args:
        path: A `.png` or `.svg` file; one that is there is replaced.
        entries: What was searched.
        cost: What lies on the horizontal axis, logarithmic.
    """
    unit, label = _UNITS[cost]
    front = pareto_front(entries, cost)
    others = [entry for entry in entries if entry.top1 is not None and entry not in front]

    def x_of(chosen: Sequence[Backbone]) -> list[float]:
        return [cost_of(entry, cost) / unit for entry in chosen]

    figure = Figure(figsize=(9, 5.8), dpi=160, layout="constrained")
    axes = figure.add_subplot()
    axes.set_xscale("log")
    axes.scatter(x_of(others), _percent(others), s=16, color=_GREY, label="other backbones")
    axes.step(x_of(front), _percent(front), where="post", color=_ACCENT, linewidth=1.2)
    axes.scatter(
        x_of(front), _percent(front), s=28, color=_ACCENT, zorder=4, label="nothing beats these"
    )
    axes.set_xlabel(label, color=_INK)
    axes.set_ylabel("published ImageNet-1k top-1, %", color=_INK)
    axes.grid(which="major", color=_FAINT, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.margins(x=0.18, y=0.1)
    axes.legend(loc="lower right", frameon=False, fontsize=8)
    figure.draw_without_rendering()
    _name_points(axes, front, x_of(front), {entry.name for entry in entries})
    content = io.BytesIO()
    with rc_context({"svg.fonttype": "none"}):  # text that can be searched
        figure.savefig(content, format=path.suffix[1:].lower())
    write_bytes(path, content.getvalue())


def _percent(entries: Sequence[Backbone]) -> list[float]:
    return [100 * (entry.top1 or 0.0) for entry in entries]


def _short(entry: Backbone, taken: set[str]) -> str:
    """Leave the tag out of a name where the rest is not another entry's."""
    short = entry.name.partition(".")[0]
    return entry.name if short in taken else short


def _name_points(
    axes: Axes, front: Sequence[Backbone], xs: Sequence[float], taken: set[str]
) -> None:
    """Write names to the upper left of their points, each a line above the one before."""
    points_per_pixel = 72 / axes.figure.dpi
    last = float("-inf")
    for entry, x, y in zip(front, xs, _percent(front), strict=True):
        height = axes.transData.transform((x, y))[1] * points_per_pixel
        last = max(height + 5, last + _LINE)
        crowded = last - height > _LINE
        axes.annotate(
            _short(entry, taken),
            (x, y),
            xytext=(-14 if crowded else -5, last - height),
            textcoords="offset points",
            ha="right",
            fontsize=7,
            color=_INK,
            arrowprops=_LEADER if crowded else None,
        )
