"""A benchmark on the screen and in files."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cli import render
from cli.figures import NOTHING, significant
from cli.options import Format

if TYPE_CHECKING:
    from export.benchmark.conditions import Conditions
    from export.benchmark.result import Benchmark, Row, Spread

_COLUMNS = ("contender", "ms", "quartiles", "img/s", "× eager", "differs", "alike")
_BUSY = 0.25
"""Processes of others a core, from which on it is said that the machine is not quiet."""


def keep(found: Benchmark, output: Path | None, plot: Path | None) -> None:
    """Write the files that were asked for.

    Raises:
        StorageError: The disk refuses one.
    """
    from zoo.storage import write_bytes

    if output is not None:
        write_bytes(output, to_json(found) + b"\n")
        render.note(f"all figures are in {output}")
    if plot is not None:
        from cli.benchmark_plot import draw

        draw(plot, found)
        render.note(f"drawn in {plot}")


def to_json(found: Benchmark) -> bytes:
    """Write a benchmark as JSON; a figure that is no number is null."""
    from pydantic import TypeAdapter

    from export.benchmark.result import Benchmark

    return TypeAdapter(Benchmark).dump_json(found, indent=2)


def print_benchmark(found: Benchmark, fmt: Format) -> None:
    """Print a benchmark, and say on stderr what is to be known before it is believed."""
    if fmt is Format.JSON:
        render.print_json(json.loads(to_json(found)))
    else:
        _print_speeds(found)
        _print_problems(found)
        _print_warm_up(found)
        render.print_facts(_facts(found))
    for line in _warnings(found):
        render.note(f"note: {line}")


def _print_speeds(found: Benchmark) -> None:
    """One table; a line without figures begins each batch size."""
    rows: list[tuple[str, ...]] = []
    for batch in found.batches:
        rows.append((f"batch {batch.batch_size}", *[""] * (len(_COLUMNS) - 1)))
        rows += [_cells(row, found.reference) for row in batch.rows]
    render.print_table(_COLUMNS, rows, right=_COLUMNS[1:])
    render.print_line()


def _cells(row: Row, reference: str) -> tuple[str, ...]:
    figures = (NOTHING,) * 4
    if row.milliseconds and row.images_per_second:
        figures = (
            significant(row.milliseconds.median, 3),
            _range(row.milliseconds),
            significant(row.images_per_second, 3),
            f"{row.speedup.median:.2f}" if row.speedup else NOTHING,
        )
    if row.closeness is None or row.contender == reference:
        return (row.contender, *figures, NOTHING, NOTHING)
    closeness = row.closeness
    differs = f"{closeness.max_abs_difference:.0e}"
    return (row.contender, *figures, differs, _part(closeness.agreement))


def _range(spread: Spread) -> str:
    return f"{significant(spread.low, 3)}–{significant(spread.high, 3)}"


def _part(agreement: float) -> str:
    """Write a part of the images; only all of them are 100 %."""
    if math.isnan(agreement):
        return NOTHING
    return "100%" if agreement == 1 else f"{math.floor(1000 * agreement) / 10:.1f}%"


def _print_problems(found: Benchmark) -> None:
    """List what was not measured, each reason once."""
    where: dict[tuple[str, str], list[str]] = {}
    for batch in found.batches:
        for row in batch.rows:
            if row.problem:
                where.setdefault((row.contender, row.problem), []).append(str(batch.batch_size))
    if where:
        render.print_heading("not measured")
        render.print_facts(
            (name, f"{problem} (batch {', '.join(sizes)})")
            for (name, problem), sizes in where.items()
        )
        render.print_line()


def _print_warm_up(found: Benchmark) -> None:
    render.print_heading("warm-up: seconds to the first answer, and calls before the clock")
    columns = [f"batch {batch.batch_size}" for batch in found.batches]
    rows = zip(*(map(_warm_up_cell, batch.rows) for batch in found.batches), strict=True)
    names = [contender.name for contender in found.contenders]
    lines = [(name, *cells) for name, cells in zip(names, rows, strict=True)]
    render.print_table(("contender", *columns), lines, right=columns)
    render.print_line()


def _warm_up_cell(row: Row) -> str:
    if row.warm_up is None:
        return NOTHING
    return f"{row.warm_up.open_s + row.warm_up.first_s:.2f} s, {row.warm_up.calls}"


def _facts(found: Benchmark) -> list[render.Fact]:
    conditions = found.conditions
    size, versions = conditions.image_size, conditions.versions
    packages = ("torch", "onnxruntime", "python")
    return [
        ("model", f"{found.model}, {size} × {size} px"),
        ("device", _device(conditions)),
        ("threads", f"{conditions.threads} in both runtimes; those that wait {conditions.waiting}"),
        *([("TF32", "on in both" if conditions.tf32 else "off in both")] if _gpu(found) else []),
        ("rounds", f"{conditions.rounds}, in an order drawn for each (seed {conditions.seed})"),
        ("load", _load(conditions)),
        ("versions", ", ".join(f"{name} {versions[name]}" for name in packages)),
        ("date", f"{conditions.created:%Y-%m-%d %H:%M} UTC"),
    ]


def _gpu(found: Benchmark) -> bool:
    return found.conditions.device.startswith("cuda")


def _device(conditions: Conditions) -> str:
    if conditions.device == "cpu":
        return f"{conditions.device_name}, {conditions.instructions}, {conditions.cores} cores"
    return f"{conditions.device_name} ({conditions.device})"


def _load(conditions: Conditions) -> str:
    if conditions.load is None:
        return "not known"
    return f"{conditions.load:.1f} on {conditions.cores} cores in the minute before"


def _warnings(found: Benchmark) -> Iterator[str]:
    conditions = found.conditions
    if conditions.load is not None and conditions.load > _BUSY * conditions.cores:
        yield (
            f"others compute here (load {conditions.load:.1f}): ratios mean something, "
            "milliseconds do not"
        )
    for name, worst in _disagreements(found).items():
        yield f"{name} decides {worst:.1%} of the images otherwise than {found.reference}"
    for name, sizes in _strange(found).items():
        yield f"{name} answers with what is no number (batch {', '.join(sizes)})"
    for name, sizes in _slower(found).items():
        yield f"{name} is slower than float32 at batch {', '.join(sizes)}"


def _disagreements(found: Benchmark) -> dict[str, float]:
    worst: dict[str, float] = {}
    for batch in found.batches:
        for row in batch.rows:
            if row.closeness is not None and row.closeness.agreement < 1:
                apart = 1 - row.closeness.agreement
                worst[row.contender] = max(apart, worst.get(row.contender, 0.0))
    return worst


def _strange(found: Benchmark) -> dict[str, list[str]]:
    where: dict[str, list[str]] = {}
    for batch in found.batches:
        for row in batch.rows:
            if row.closeness and not math.isfinite(row.closeness.max_abs_difference):
                where.setdefault(row.contender, []).append(str(batch.batch_size))
    return where


def _slower(found: Benchmark) -> dict[str, list[str]]:
    """Find where a smaller precision of an exported file costs time instead of saving it."""
    where: dict[str, list[str]] = {}
    for batch in found.batches:
        speeds = {row.contender: row.images_per_second for row in batch.rows}
        for name, speed in speeds.items():
            exact = speeds.get(f"{name.rpartition(' ')[0]} fp32")
            if name.startswith("onnx") and speed and exact and speed < exact:
                where.setdefault(name, []).append(str(batch.batch_size))
    return where
