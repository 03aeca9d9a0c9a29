"""A benchmark as a picture: images a second over the batch size."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from export.benchmark import Benchmark, Contender, OnnxContender
from zoo.storage import write_bytes

_INK, _FAINT = "#1f2933", "#e4e8ec"
_COLOURS = {
    "torch eager": "#7b8794",
    "torch channels_last": "#4f6272",
    "torch compile": "#1f2933",
    "torch fp16": "#c9721c",
    "onnx cpu fp32": "#0b6e99",
    "onnx cpu fp16": "#7b5ea7",
    "onnx cpu int8": "#2f8f5b",
    "onnx cuda fp32": "#0b6e99",
    "onnx cuda fp16": "#7b5ea7",
    "onnx cuda int8": "#2f8f5b",
    "onnx tensorrt fp32": "#5ab0d1",
    "onnx tensorrt fp16": "#b49bd6",
    "onnx tensorrt int8": "#7cc49b",
}
_MARKERS = {"fp32": "o", "fp16": "s", "int8": "^"}
_LINE = 11.0
"""Distance between the lines of two labels, points."""
_WIDE = 8.0
"""Largest over smallest figure, from which on the axis is logarithmic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    contender: Contender
    sizes: list[int]
    speeds: list[float]
    errors: tuple[list[float], list[float]]
    """How far the slower and the faster quartile are from the median."""

    @property
    def fastest(self) -> float:
        """Where the highest of its error bars ends."""
        return max(speed + more for speed, more in zip(self.speeds, self.errors[1], strict=True))


def draw(path: Path, found: Benchmark) -> None:
    """Draw every contender that was measured, named at the end of its line.

    Args:
        path: A `.png` or `.svg` file; one that is there is replaced.
        found: The benchmark.
    """
    lines = [line for line in (_line(found, who) for who in found.contenders) if line.sizes]
    figure = Figure(figsize=(9, 5.4), dpi=160)
    figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.08)
    axes = figure.add_subplot()
    for line in lines:
        _draw_line(axes, line)
    _set_axes(axes, found, [speed for line in lines for speed in (*line.speeds, line.fastest)])
    figure.draw_without_rendering()
    _name_lines(axes, lines)
    content = io.BytesIO()
    with rc_context({"svg.fonttype": "none"}):  # text that can be searched
        figure.savefig(content, format=path.suffix[1:].lower())
    write_bytes(path, content.getvalue())


def _line(found: Benchmark, contender: Contender) -> _Line:
    sizes, speeds, slower, faster = [], [], [], []
    for batch in found.batches:
        for row in batch.rows:
            if row.contender == contender.name and row.milliseconds and row.images_per_second:
                spread, speed = row.milliseconds, row.images_per_second
                sizes.append(batch.batch_size)
                speeds.append(speed)
                slower.append(speed - speed * spread.median / spread.high)
                faster.append(speed * spread.median / spread.low - speed)
    return _Line(contender=contender, sizes=sizes, speeds=speeds, errors=(slower, faster))


def _draw_line(axes: Axes, line: _Line) -> None:
    axes.errorbar(
        line.sizes,
        line.speeds,
        yerr=line.errors,
        color=_COLOURS[line.contender.name],
        marker=_MARKERS[line.contender.precision],
        markersize=4.5,
        linewidth=1.6 if isinstance(line.contender, OnnxContender) else 1.2,
        linestyle="-" if isinstance(line.contender, OnnxContender) else (0, (4, 1.5)),
        elinewidth=0.8,
        capsize=2,
    )


def _set_axes(axes: Axes, found: Benchmark, speeds: list[float]) -> None:
    sizes = sorted(batch.batch_size for batch in found.batches)
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.margins(x=0.04)
    if speeds and max(speeds) / min(speeds) > _WIDE:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        axes.set_ylim(bottom=0, top=1.05 * max(speeds, default=1.0))
    axes.yaxis.set_major_formatter("{x:,g}")
    axes.set_xlabel(_x_label(found), color=_INK)
    axes.set_ylabel("images a second", color=_INK)
    axes.set_title(_title(found), loc="left", fontsize=10, color=_INK)
    axes.grid(which="major", axis="y", color=_FAINT, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _x_label(found: Benchmark) -> str:
    rounds = found.conditions.rounds
    return f"batch size (median of {rounds} rounds, and the middle half of them)"


def _title(found: Benchmark) -> str:
    conditions, size = found.conditions, found.conditions.image_size
    threads = f"{conditions.threads} thread{'s' if conditions.threads > 1 else ''}"
    where = (
        conditions.device_name
        if conditions.device != "cpu"
        else (f"{conditions.device_name}, {threads}")
    )
    return f"{found.model}, {size} × {size} px, on {where}"


def _name_lines(axes: Axes, lines: list[_Line]) -> None:
    """Write names to the right of the last points, each a line above the one before."""
    points_per_pixel = 72 / axes.figure.dpi
    ends = [(line.sizes[-1], line.speeds[-1]) for line in lines]
    heights = [axes.transData.transform(end)[1] * points_per_pixel for end in ends]
    last = float("-inf")
    for height, (x, y), line in sorted(
        zip(heights, ends, lines, strict=True), key=lambda found: found[0]
    ):
        last = max(height, last + _LINE)
        axes.annotate(
            line.contender.name,
            (x, y),
            xytext=(9, last - height),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=_COLOURS[line.contender.name],
            annotation_clip=False,
        )
