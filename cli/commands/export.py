"""`zoo export`: a trained model as ONNX, proved before it gets its name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.options import (
    DeviceOption,
    Format,
    FormatOption,
    InputOption,
    ModelArgument,
    TargetOption,
    WorkersOption,
)


def export(
    model: ModelArgument,
    verify: Annotated[
        bool, typer.Option("--verify/--no-verify", help="Compare the export with PyTorch.")
    ] = True,
    data: Annotated[
        Path | None,
        typer.Option(help="Labelled images to verify on; by default the run's own."),
    ] = None,
    input_column: InputOption = None,
    targets: TargetOption = None,
    samples: Annotated[int, typer.Option(min=1, help="Images to verify on, at most.")] = 256,
    opset: Annotated[int, typer.Option(min=18, max=23, help="Version of the operators.")] = 20,
    device: DeviceOption = "auto",
    workers: WorkersOption = None,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Export a fine-tuned model to ONNX and prove that it is the model that was trained."""
    from cli import verdict
    from cli.progress import TerminalProgress
    from export.convert import ONNX_FILE, export_model, gather_evidence
    from export.session import resolve_onnx_device
    from zoo.data.open import DataSettings
    from zoo.hardware import resolve_workers
    from zoo.model import load_model
    from zoo.run import locate_model

    place = locate_model(model)
    target = resolve_onnx_device(device)
    loaded = load_model(place.folder, target)
    evidence = None
    if verify:
        settings = DataSettings(input=input_column, targets=tuple(targets or ()))
        evidence = gather_evidence(place.run, data, loaded.targets, samples, settings=settings)
    with TerminalProgress() as progress:
        report = export_model(
            loaded,
            place.folder,
            evidence,
            opset=opset,
            locate=True,
            workers=resolve_workers(workers, target),
            progress=progress,
        )
    if report is None:
        progress.note(f"wrote {place.folder / ONNX_FILE}; NOT VERIFIED")
    else:
        verdict.print_report(report, place.folder, fmt)
