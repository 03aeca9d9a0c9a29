"""What the pictures of a card look like: a white sheet with round corners, on any background."""

from __future__ import annotations

import io
from collections.abc import Sequence

from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import FancyBboxPatch

from zoo.card.markdown import one_line

INK, SOFT, FAINT, PAPER, EDGE = "#1f2933", "#616e7c", "#e4e8ec", "#ffffff", "#d5dbe1"
BLUE, ORANGE = "#0b6e99", "#c9721c"
BLUES = LinearSegmentedColormap.from_list("right", ["#f4f8fa", "#9fcbdd", "#2f8db5", "#084c6b"])
ORANGES = LinearSegmentedColormap.from_list("wrong", ["#f4f8fa", "#f6cfa3", "#dd8a3c", "#9c4f0c"])
"""From nothing to everything; lightness falls evenly, so that both can be read without colours."""

_DPI = 160
_MISSING = "▯"
"""Stands for a sign that the font does not have."""
_FONT = "DejaVu Sans"
"""Comes with matplotlib: the same letters on every machine."""
_MARGIN = 0.02
_LONGEST = 22
"""Letters of a name that there is room for."""


def new_sheet(width: float, height: float) -> Figure:
    """Open an empty sheet of so many inches."""
    inside = ConstrainedLayoutEngine(rect=(_MARGIN, _MARGIN, 1 - 2 * _MARGIN, 1 - 2 * _MARGIN))
    figure = Figure(figsize=(width, height), dpi=_DPI, layout=inside, facecolor="none")
    inset = 0.75 / 72 / width, 0.75 / 72 / height
    figure.add_artist(
        FancyBboxPatch(
            inset,
            1 - 2 * inset[0],
            1 - 2 * inset[1],
            boxstyle=f"round,pad=0,rounding_size={0.12 / width}",
            mutation_aspect=width / height,
            transform=figure.transFigure,
            facecolor=PAPER,
            edgecolor=EDGE,
            linewidth=0.75,
            zorder=-1,
        )
    )
    return figure


def to_png(figure: Figure) -> bytes:
    """Write a sheet as the same bytes every time."""
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def plain_axes(axes: Axes) -> None:
    """Leave only what carries information."""
    axes.set_facecolor("none")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(EDGE)
    axes.tick_params(colors=SOFT, labelsize=8, length=0)
    axes.grid(which="major", axis="y", color=FAINT, linewidth=0.7)
    axes.set_axisbelow(True)


def title(axes: Axes, text: str) -> None:
    """Set a title that begins where the axes do."""
    axes.set_title(text, loc="left", fontsize=9.5, color=INK, pad=10, parse_math=False)


def writable(name: str, longest: int = _LONGEST) -> str:
    """Shorten a name to what has room, and replace what the font cannot write."""
    font = FT2Font(font_manager.findfont(_FONT))
    shown = one_line(name, longest)
    return "".join(sign if font.get_char_index(ord(sign)) else _MISSING for sign in shown)


def writable_all(names: Sequence[str]) -> list[str]:
    """Do so with many names; where that makes two alike, both of a name's ends stay."""
    shown = [writable(name) for name in names]
    if len(set(shown)) == len(set(names)):
        return shown
    return [writable(_without_middle(name)) for name in names]


def _without_middle(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[:10]}…{name[-11:]}"
