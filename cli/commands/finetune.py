"""`zoo finetune`: from a backbone and a folder to a run."""

from __future__ import annotations

import shlex
import sys
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import DeviceOption, RegistryOption, WorkersOption

if TYPE_CHECKING:
    from zoo.run import Run


class PrecisionChoice(str, Enum):
    """What training computes in."""

    AUTO = "auto"
    FP32 = "fp32"
    BF16 = "bf16"


def finetune(
    backbone: Annotated[
        str | None,
        typer.Argument(
            help="A name that `zoo list` shows, timm/NAME, torchvision/NAME, hf-hub:org/name, "
            "BUILDER/ARCHITECTURE, or a run or model folder."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Argument(help="A folder with one sub-folder a class; train, val and test optional."),
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="A name that `zoo list --recipes` shows.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Epochs of the last gradient-descent phase.")
    ] = None,
    lr: Annotated[
        float | None, typer.Option(min=1e-12, help="Peak learning rate of that phase.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Images a step.")] = None,
    img_size: Annotated[
        int | None, typer.Option(min=1, help="Height and width that the network sees, pixels.")
    ] = None,
    val: Annotated[Path | None, typer.Option(help="A separate folder to validate on.")] = None,
    val_split: Annotated[
        float | None,
        typer.Option(help="Part that validates where the data has no such split. [0.2]"),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Where all randomness comes from.")] = None,
    device: DeviceOption = "auto",
    precision: Annotated[
        PrecisionChoice, typer.Option(help="auto is bf16 on a GPU that has it, else fp32.")
    ] = PrecisionChoice.AUTO,
    workers: WorkersOption = None,
    output: Annotated[
        Path | None, typer.Option(help="The run folder to make. [runs/BACKBONE-FOLDER]")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an unfinished run, bit for bit.")
    ] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Go on without files that cannot be read.")
    ] = False,
    registry: RegistryOption = None,
    random_weights: Annotated[
        bool, typer.Option("--random-weights", help="Start from nothing instead of pretraining.")
    ] = False,
) -> None:
    """Fine-tune a pretrained backbone on a folder of labelled images."""
    from cli.progress import TerminalProgress
    from zoo.registry import load_registry
    from zoo.training import finetune as training
    from zoo.training.plan import Settings

    settings = Settings(
        recipe=recipe,
        epochs=epochs,
        lr=lr,
        batch_size=batch_size,
        img_size=img_size,
        val=val,
        val_split=val_split,
        seed=seed,
        device=device,
        precision=precision.value,
        workers=workers,
        skip_bad=skip_bad,
        pretrained=not random_weights,
    )
    command = shlex.join(["zoo", *sys.argv[1:]])
    with TerminalProgress() as progress:
        if resume:
            run = training.resume(
                output, backbone, data, settings, progress=progress, command=command
            )
        elif backbone is None or data is None:
            raise typer.BadParameter("needs a BACKBONE and a DATA folder, or --resume")
        else:
            run = training.finetune(
                backbone,
                data,
                settings,
                output=output,
                registry=load_registry(registry or ()),
                progress=progress,
                command=command,
            )
    _summarise(run)


def _summarise(run: Run) -> None:
    from cli import render

    record = run.read()
    timing = record.timing
    assert timing is not None
    render.print_facts(
        [
            *(
                (split, f"top-1 {m.top1:.3f}, macro-F1 {m.macro_f1:.3f}, {m.num_samples} images")
                for split, m in record.metrics.items()
            ),
            ("time", f"{timing.seconds:.0f} s, {timing.images_per_second:.0f} images/s"),
            ("run", str(run.path)),
            ("next", f"zoo export {shlex.quote(str(run.path))}"),
        ]
    )
