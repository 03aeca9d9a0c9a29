"""A verification on the screen: a line a level and, of several, a target; then the verdict."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from cli.options import Format, Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cli.render import Fact
    from export.levels import PlacementLevel, TargetParity, TargetScore
    from export.number_level import ParityLevel, TargetNumbers
    from export.pixel_level import PixelLevel
    from export.verification import Level, Verification

_QUESTIONS = {
    "L0": "valid, portable graph?",
    "L1": "same numbers?",
    "L1 sizes": "at other sizes?",
    "L2": "same pixels?",
    "L3": "same score?",
    "L4": "ran on the GPU?",
}
_METRICS = {"top1": "top-1", "macro_f1": "macro-F1", "mae": "MAE", "r2": "R²"}


def print_report(report: Verification, folder: Path, fmt: Format) -> None:
    """Print a verification; end with exit code 3 if it failed or a variant did.

    Raises:
        VerificationError: The verdict is `fail`, or fewer bits are outside their budget.
    """
    from pydantic import TypeAdapter

    from cli import render
    from cli.location import print_location
    from cli.precisions import print_precisions
    from export.proof import report_file_of
    from export.verification import Verification

    if fmt is Format.JSON:
        render.print_json(json.loads(TypeAdapter(Verification).dump_json(report)))
    else:
        render.print_table(
            ("level", "question", "verdict", "figures"),
            [row for name, level in report.levels.items() for row in _rows(name, level)],
        )
        render.print_line()
        if report.precisions:
            print_precisions([*report.precisions.values()])
            render.print_line()
        if report.location is not None:
            print_location(report.location)
            render.print_line()
        render.print_facts(
            [
                ("verdict", report.verdict.upper()),
                ("device", f"{report.device_name}; {', '.join(report.providers_used)}"),
                *_list_exporters(report),
                *_list_preprocessing(report),
                *([("TF32", _tf32(report))] if report.tf32_effect else []),
                ("model", str(folder / "onnx" / report.file)),
                *[("and", str(folder / "onnx" / name)) for name in report.others],
                *_list_variants(report, folder),
                ("report", str(folder / report_file_of(report))),
            ]
        )
    report.raise_if_failed()
    report.raise_if_refused()


def warn_if_unproved(model: Path, runtime: Runtime) -> None:
    """Say so when an exported model is about to be used without a passing verification."""
    from cli.progress import TerminalProgress
    from export.open import is_unproved

    if is_unproved(model, runtime.value):
        note = "note: no passing verification of this ONNX file; `zoo verify` makes one"
        TerminalProgress().note(note)


def _list_exporters(report: Verification) -> Iterator[Fact]:
    """Say which exporter was kept, and why not those before it."""
    for attempt in report.attempts:
        if attempt.reason is None:
            yield "exporter", attempt.exporter
        else:
            yield "exporter", f"{attempt.exporter} {attempt.outcome}: {attempt.reason}"


def _list_variants(report: Verification, folder: Path) -> Iterator[Fact]:
    """Say where the files in fewer bits are that were kept."""
    from export.files import PRECISION_FILES

    for name, found in report.precisions.items():
        if found.verdict == "kept":
            yield "and", str(folder / PRECISION_FILES[name])


def _list_preprocessing(report: Verification) -> Iterator[Fact]:
    """Say where the pixels were prepared, if that is not where the network ran."""
    from export.pixel_level import PixelLevel

    level = report.levels.get("L2")
    if isinstance(level, PixelLevel) and level.note:
        yield "pixels", f"{level.preprocessing_provider}: {level.note}"


def _tf32(report: Verification) -> str:
    """Say what was left out of the verdict."""
    moved = (
        f"{target} by {effect.torch:.1e} in PyTorch and {effect.onnx:.1e} in ONNX Runtime"
        for target, effect in (report.tf32_effect or {}).items()
    )
    return f"off; it would move {', '.join(moved)}"


def _rows(name: str, level: Level) -> Iterator[tuple[str, str, str, str]]:
    """Give a level its line, and below it each of several targets its own."""
    from export.levels import MetricLevel
    from export.number_level import ParityLevel, TargetNumbers
    from export.pixel_level import PixelLevel

    yield name, _QUESTIONS[name], level.verdict.upper(), _figures(level)
    targets: Mapping[str, TargetParity | TargetScore] = {}
    if isinstance(level, ParityLevel | PixelLevel | MetricLevel):
        targets = level.targets
    for target, found in targets.items():
        if len(targets) > 1:
            yield "", f"  {target}", found.verdict.upper(), _target_figures(found)
        if isinstance(found, TargetNumbers):
            yield from _number_rows(found)


def _number_rows(found: TargetNumbers) -> Iterator[tuple[str, str, str, str]]:
    """Say how both compare with float64, how near they are on edge inputs, how they decide."""
    errors = (
        f"PyTorch {found.noise_floor:.1e} (the noise floor), "
        f"ONNX Runtime {found.max_abs_error_float64:.1e}, ratio {found.error_ratio:.2f}"
    )
    yield "", "    error from float64", "", errors
    edges = found.edges
    off = f"max error {edges.max_abs_error:.1e}, allowed {edges.bound:.1e}"
    yield "", "    edge inputs", edges.verdict.upper(), f"{off}, for {edges.worst.sample}"
    if found.sure_agreement is not None:
        part = f"{found.sure_agreement:.1%} of {found.num_sure} sure images"
        yield "", "    decided alike", "", f"{part}, {len(found.ties)} ties"
    effect = found.batch_effect
    if effect is not None:
        moved = f"{effect.max_abs_error:.1e}, allowed {effect.bound:.1e}"
        yield "", "    moved by a batch", "", moved


def _figures(level: Level) -> str:
    from export.image_sizes import SizesLevel
    from export.levels import MetricLevel, StructureLevel
    from export.number_level import ParityLevel
    from export.pixel_level import PixelLevel

    if isinstance(level, StructureLevel):
        return f"{sum(f.passed for f in level.findings)} of {len(level.findings)} checks"
    if isinstance(level, ParityLevel):
        sizes = ", ".join(map(str, level.batch_sizes))
        inputs = f"{level.num_samples} images and {len(level.edge_inputs)} edge inputs"
        return f"{_of_only(level)}{inputs}, batches {sizes}"
    if isinstance(level, PixelLevel):
        return f"{_of_only(level)}{level.num_samples} files and {len(level.probes)} kinds of file"
    if isinstance(level, SizesLevel):
        return ", ".join(f"{found.size[0]}×{found.size[1]}" for found in level.sizes)
    if isinstance(level, MetricLevel):
        many = f"{len(level.targets)} targets, each by its own metric"
        return _target_figures(level) if len(level.targets) == 1 else many
    return _placement_figures(level)


def _of_only(level: ParityLevel | PixelLevel) -> str:
    """Give the figures of an only target; several have lines of their own."""
    return f"{_target_figures(level)}; " if len(level.targets) == 1 else ""


def _placement_figures(level: PlacementLevel) -> str:
    counts = ", ".join(
        f"{sum(nodes.values())} nodes on {name}"
        for name, nodes in level.placement.by_provider.items()
    )
    sizes = f"; {level.num_shape_nodes} of arithmetic on sizes" if level.num_shape_nodes else ""
    return f"{counts}{sizes}" if counts else "no node was placed"


def _target_figures(found: TargetParity | TargetScore) -> str:
    from export.levels import TargetParity

    if isinstance(found, TargetParity):
        return f"max error {found.max_abs_error:.1e}, allowed {found.bound:.1e}"
    ties = "" if found.metric in ("mae", "r2") else f", {found.ties} ties"
    return (
        f"{_METRICS[found.metric]} {found.show(found.metric_onnx)}, "
        f"PyTorch {found.show(found.metric_torch)}, {found.num_samples} images{ties}"
    )
