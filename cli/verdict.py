"""A verification on the screen: one line a level, then the verdict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cli.options import Format, Runtime

if TYPE_CHECKING:
    from export.verification import Level, Verification

_QUESTIONS = {
    "L0": "valid, portable graph?",
    "L1": "same numbers?",
    "L3": "same score?",
    "L4": "ran on the GPU?",
}


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
        render.print_json(TypeAdapter(Verification).dump_python(report, mode="json"))
    else:
        render.print_table(
            ("level", "question", "verdict", "figures"),
            [
                (name, _QUESTIONS[name], level.verdict.upper(), _figures(level))
                for name, level in report.levels.items()
            ],
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
    from export.classifier import is_unproved

    if is_unproved(model, runtime.value):
        note = "note: no passing verification of this ONNX file; `zoo verify` makes one"
        TerminalProgress().note(note)


def _figures(level: Level) -> str:
    from export.verification import MetricLevel, ParityLevel, StructureLevel

    if isinstance(level, StructureLevel):
        return f"{sum(f.passed for f in level.findings)} of {len(level.findings)} checks"
    if isinstance(level, ParityLevel):
        sizes = ", ".join(map(str, level.batch_sizes))
        return (
            f"max error {level.max_abs_error:.1e}, allowed {level.bound:.1e} "
            f"(noise floor {level.noise_floor:.1e}); {level.num_samples} images and "
            f"{len(level.edge_inputs)} edge inputs, batches {sizes}"
        )
    if isinstance(level, MetricLevel):
        return (
            f"top-1 {level.metric_onnx:.4f}, PyTorch {level.metric_torch:.4f}, "
            f"{level.num_samples} images, {level.ties} ties"
        )
    counts = ", ".join(
        f"{sum(nodes.values())} nodes on {name}"
        for name, nodes in level.placement.by_provider.items()
    )
    return counts or "no node was placed"
