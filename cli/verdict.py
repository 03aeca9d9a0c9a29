"""A verification on the screen: a line a level and, of several, a target; then the verdict."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from cli.options import Format, Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from export.levels import Level, TargetParity, TargetScore
    from export.verification import Verification

_QUESTIONS = {
    "L0": "valid, portable graph?",
    "L1": "same numbers?",
    "L3": "same score?",
    "L4": "ran on the GPU?",
}
_METRICS = {"top1": "top-1", "macro_f1": "macro-F1", "mae": "MAE", "r2": "R²"}


def print_report(report: Verification, folder: Path, fmt: Format) -> None:
    """Print a verification; end with exit code 3 if it failed.

    Raises:
        VerificationError: The verdict is `fail`.
    """
    from pydantic import TypeAdapter

    from cli import render
    from export.convert import REPORT_FILE
    from export.verification import Verification

    if fmt is Format.JSON:
        render.print_json(json.loads(TypeAdapter(Verification).dump_json(report)))
    else:
        render.print_table(
            ("level", "question", "verdict", "figures"),
            [row for name, level in report.levels.items() for row in _rows(name, level)],
        )
        render.print_line()
        render.print_facts(
            [
                ("verdict", report.verdict.upper()),
                ("device", f"{report.device_name}; {', '.join(report.providers_used)}"),
                ("model", str(folder / "onnx" / report.file)),
                ("report", str(folder / REPORT_FILE)),
            ]
        )
    report.raise_if_failed()


def warn_if_unproved(model: Path, runtime: Runtime) -> None:
    """Say so when an exported model is about to be used without a passing verification."""
    from cli.progress import TerminalProgress
    from export.open import is_unproved

    if is_unproved(model, runtime.value):
        note = "note: no passing verification of this ONNX file; `zoo verify` makes one"
        TerminalProgress().note(note)


def _rows(name: str, level: Level) -> Iterator[tuple[str, str, str, str]]:
    """Give a level its line, and below it each of several targets its own."""
    from export.levels import MetricLevel, ParityLevel

    yield name, _QUESTIONS[name], level.verdict.upper(), _figures(level)
    if isinstance(level, ParityLevel | MetricLevel) and len(level.targets) > 1:
        for target, found in level.targets.items():
            yield "", f"  {target}", found.verdict.upper(), _target_figures(found)


def _figures(level: Level) -> str:
    from export.levels import MetricLevel, ParityLevel, StructureLevel

    if isinstance(level, StructureLevel):
        return f"{sum(f.passed for f in level.findings)} of {len(level.findings)} checks"
    if isinstance(level, ParityLevel):
        sizes = ", ".join(map(str, level.batch_sizes))
        inputs = f"{level.num_samples} images and {len(level.edge_inputs)} edge inputs"
        figures = f"{_target_figures(level)}; " if len(level.targets) == 1 else ""
        return f"{figures}{inputs}, batches {sizes}"
    if isinstance(level, MetricLevel):
        many = f"{len(level.targets)} targets, each by its own metric"
        return _target_figures(level) if len(level.targets) == 1 else many
    counts = ", ".join(
        f"{sum(nodes.values())} nodes on {name}"
        for name, nodes in level.placement.by_provider.items()
    )
    return counts or "no node was placed"


def _target_figures(found: TargetParity | TargetScore) -> str:
    from export.levels import TargetParity

    if isinstance(found, TargetParity):
        return (
            f"max error {found.max_abs_error:.1e}, allowed {found.bound:.1e} "
            f"(noise floor {found.noise_floor:.1e})"
        )
    ties = "" if found.metric in ("mae", "r2") else f", {found.ties} ties"
    return (
        f"{_METRICS[found.metric]} {found.show(found.metric_onnx)}, "
        f"PyTorch {found.show(found.metric_torch)}, {found.num_samples} images{ties}"
    )
