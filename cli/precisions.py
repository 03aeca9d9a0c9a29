"""Variants in fewer bits on the screen: a line each beside float32, then what is to be said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from export.precision import Latency, PrecisionReport, TargetChange

_METRICS = {"top1": "top-1", "macro_f1": "macro-F1", "mae": "MAE", "r2": "R²"}
_MEGABYTE = 1e6

Row = tuple[str, ...]


def print_precisions(reports: Sequence[PrecisionReport]) -> None:
    """Print what became of each variant; nothing where none was asked for."""
    from cli import render

    if not reports:
        return
    timed = max(reports, key=lambda report: len(report.latency))
    columns = ("variant", "verdict", "size", "metric", "alike", *_latency_columns(timed))
    rows = [*_float32_rows(timed), *chain.from_iterable(map(_rows, reports))]
    # A file that cannot be opened was not timed.
    full = [(*row, *("",) * (len(columns) - len(row))) for row in rows]
    render.print_table(columns, full, right=("size", "alike", *columns[5:]))
    facts = [(report.precision, text) for report in reports if (text := report.explain())]
    if facts:
        render.print_line()
        render.print_facts(facts)


def _latency_columns(report: PrecisionReport) -> Row:
    """Name the batch sizes that were timed, in words."""
    return tuple(
        "1 image" if found.batch_size == 1 else f"{found.batch_size} images"
        for found in report.latency
    )


def _float32_rows(report: PrecisionReport) -> Iterator[Row]:
    """Say what float32 has, which all are compared with."""
    times = (f"{found.float32_ms:.1f} ms" for found in report.latency)
    first, *others = _scores(report, variant=False)
    yield "float32", "", _size(report.size_float32_bytes), first, "", *times
    yield from (("", "", "", score) for score in others)


def _rows(report: PrecisionReport) -> Iterator[Row]:
    """Give a variant its line, and each further target one below it."""
    first, *others = report.targets.values()
    scored, *scores = _scores(report, variant=True)
    times = (_time(found) for found in report.latency)
    yield (
        report.precision,
        report.verdict,
        _size(report.size_bytes),
        scored,
        _alike(first),
        *times,
    )
    for change, score in zip(others, scores, strict=True):
        yield "", change.verdict, "", score, _alike(change)


def _scores(report: PrecisionReport, *, variant: bool) -> list[str]:
    """Write the figure of each target, with its name where there are others."""
    found = []
    for name, change in report.targets.items():
        figure = change.metric_variant if variant else change.metric_float32
        text = f"{_METRICS[change.metric]} {change.show(figure)}"
        found.append(text if len(report.targets) == 1 else f"{name} {text}")
    return found


def _alike(change: TargetChange) -> str:
    return "" if change.agreement is None else f"{change.agreement:.1%}"


def _size(count: int) -> str:
    return f"{count / _MEGABYTE:.1f} MB"


def _time(found: Latency) -> str:
    """Give the time as a multiple of float32's in the same rounds, whatever else was going on."""
    return f"{found.ratio:.2f} ×"
