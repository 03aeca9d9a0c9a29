"""`zoo verify`: the proof again, anywhere."""

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


def verify(
    model: ModelArgument,
    data: Annotated[
        Path | None,
        typer.Option(help="Labelled images to verify on; by default the run's own."),
    ] = None,
    input_column: InputOption = None,
    targets: TargetOption = None,
    samples: Annotated[int, typer.Option(min=1, help="Images to verify on, at most.")] = 256,
    locate: Annotated[
        bool, typer.Option(help="If the numbers differ, find the first module that does.")
    ] = False,
    strict: Annotated[
        bool, typer.Option(help="Leave nothing to the CPU on a GPU, not even sizes.")
    ] = False,
    device: DeviceOption = "auto",
    workers: WorkersOption = None,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Prove again that an exported model is the one that was trained; exit 3 if it is not."""
    from cli import replaying

    if reason := replaying.find_reason(model, data):
        if locate or strict:
            reason += "; --locate and --strict are for levels"
        replaying.print_replay(model, device, reason, fmt)
        return

    from cli import verdict
    from cli.progress import TerminalProgress
    from export.convert import gather_evidence, verify_model
    from export.session import resolve_onnx_device
    from zoo.data.open import DataSettings
    from zoo.hardware import resolve_workers
    from zoo.model import load_model
    from zoo.run import locate_model

    place = locate_model(model)
    target = resolve_onnx_device(device)
    loaded = load_model(place.folder, target)
    settings = DataSettings(input=input_column, targets=tuple(targets or ()))
    with TerminalProgress() as progress:
        report = verify_model(
            loaded,
            place.folder,
            gather_evidence(place.run, data, loaded.targets, samples, settings=settings),
            locate=locate,
            strict=strict,
            workers=resolve_workers(workers, target),
            progress=progress,
        )
    verdict.print_report(report, place.folder, fmt)
