"""`zoo finetune`: from a backbone and labelled data to a run."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.augment_options import AugmentOptions
from cli.changes import read_assignments, read_batch_size
from cli.data_options import DataOptions
from cli.grouped import grouped
from cli.loss_options import LossOptions
from cli.machine_options import MachineOptions
from cli.method_options import MethodOptions
from cli.options import RegistryOption, SkipBadOption


@grouped
def finetune(
    *,
    backbone: Annotated[
        str | None,
        typer.Argument(
            help="A name that `zoo list` shows, timm/NAME, torchvision/NAME, hf-hub:org/name, "
            "BUILDER/ARCHITECTURE, or a run or model folder."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Argument(
            help="A folder with one sub-folder a class (train, val and test optional), or a table."
        ),
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="A name that `zoo list --recipes` shows.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="The run folder to make; by default runs/BACKBONE-DATA.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an unfinished run, bit for bit.")
    ] = False,
    registry: RegistryOption = None,
    random_weights: Annotated[
        bool, typer.Option("--random-weights", help="Start from nothing instead of pretraining.")
    ] = False,
    img_size: Annotated[
        int | None, typer.Option(min=1, help="Height and width that the network sees, pixels.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Where all randomness comes from.")] = None,
    table: DataOptions,
    skip_bad: SkipBadOption = False,
    allow_leaks: Annotated[
        bool,
        typer.Option(
            "--allow-leaks",
            help="Go on although the same image is in two splits.",
            rich_help_panel="Data",
        ),
    ] = False,
    limit_train: Annotated[
        int | None,
        typer.Option(min=1, help="Train on so many samples only.", rich_help_panel="Data"),
    ] = None,
    method: MethodOptions,
    loss: LossOptions,
    augment: AugmentOptions,
    machine: MachineOptions,
) -> None:
    """Fine-tune a pretrained backbone on labelled images."""
    from accelerate import PartialState

    from cli.outcome import print_outcome
    from cli.progress import TerminalProgress
    from zoo.registry import load_registry
    from zoo.training import finetune as training
    from zoo.training.plan import Settings
    from zoo.training.resume import resume as resume_run

    number, automatic = read_batch_size(method.batch_size)
    changes = method.to_changes() | loss.to_changes() | augment.to_changes()
    changes = {name: value for name, value in changes.items() if value is not None}
    settings = Settings(
        recipe=recipe,
        epochs=method.epochs,
        lr=method.lr,
        batch_size=number,
        seed=seed,
        changes=changes | read_assignments(method.changes),
        img_size=img_size,
        data=table.to_settings(skip_bad=skip_bad, allow_leaks=allow_leaks),
        limit_train=limit_train,
        device=machine.device,
        precision=machine.precision.value,
        workers=machine.workers,
        auto_batch=automatic,
        deterministic=machine.deterministic,
        compile=machine.compile_network,
        shard=machine.shard,
        cache=machine.read_cache(),
        pretrained=not random_weights,
    )
    command = shlex.join(["zoo", *sys.argv[1:]])
    with TerminalProgress() as progress:
        if resume:
            run = resume_run(output, backbone, data, settings, progress=progress, command=command)
        elif backbone is None or data is None:
            raise typer.BadParameter("needs a BACKBONE and DATA, or --resume")
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
    if PartialState().is_main_process:
        print_outcome(run)
