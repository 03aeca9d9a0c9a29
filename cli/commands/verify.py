"""`zoo verify`: the proof again, anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.evidence_options import EvidenceOptions
from cli.grouped import grouped
from cli.options import DeviceOption, Format, FormatOption, ModelArgument, WorkersOption


@grouped
def verify(
    *,
    model: ModelArgument,
    images: EvidenceOptions,
    locate: Annotated[
        bool,
        typer.Option("--locate", help="If the numbers differ, find the first module that does."),
    ] = False,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Leave nothing to the CPU on a GPU, not even sizes."),
    ] = False,
    trust: Annotated[
        bool,
        typer.Option(
            "--trust", help="Open a file that was not made here without a trial in a child process."
        ),
    ] = False,
    device: DeviceOption = "auto",
    workers: WorkersOption = None,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Prove again that an exported model is the one that was trained; exit 3 if it is not."""
    from cli import replaying

    if trust:
        _trust(model)
    if reason := replaying.find_reason(model, images.data):
        if locate or strict:
            reason += "; --locate and --strict are for levels"
        replaying.print_replay(model, device, reason, fmt)
        return

    from cli import verdict
    from cli.progress import TerminalProgress
    from export.proof import verify_model
    from export.session import resolve_onnx_device
    from zoo.hardware import resolve_workers
    from zoo.model import load_model
    from zoo.run import locate_model

    place = locate_model(model)
    target = resolve_onnx_device(device)
    loaded = load_model(place.folder, target)
    with TerminalProgress() as progress:
        report = verify_model(
            loaded,
            place.folder,
            images.gather(loaded, place.run),
            locate=locate,
            strict=strict,
            workers=resolve_workers(workers, target),
            progress=progress,
        )
    verdict.print_report(report, place.folder, fmt)


def _trust(model: Path) -> None:
    """Vouch for the graphs of a model folder in the user's name."""
    from export.files import ONNX_FILE
    from export.hostile import trust
    from export.replay import find_model_folder

    for path in sorted((find_model_folder(model) / ONNX_FILE.parent).glob("*.onnx")):
        trust(path, tuple(weights.name for weights in path.parent.glob(f"{path.name}.*")))
