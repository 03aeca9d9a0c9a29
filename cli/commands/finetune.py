"""`zoo finetune`: from a backbone and labelled data to a run."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.changes import read_assignments, read_batch_size, read_losses, read_stages, read_widths
from cli.choices import (
    BatchNormChoice,
    ClassWeightsChoice,
    PrecisionChoice,
    SamplingChoice,
    ScheduleChoice,
    WeightingChoice,
)
from cli.options import (
    AllowLeaksOption,
    CacheDirOption,
    CacheSizeOption,
    DeviceOption,
    GroupOption,
    InputOption,
    NoCacheOption,
    RegistryOption,
    SkipBadOption,
    TargetOption,
    ValOption,
    ValSplitOption,
    WorkersOption,
    YesOption,
    read_cache,
)

if TYPE_CHECKING:
    from zoo.run import Run

_METHOD, _LOSS, _AUGMENT, _MACHINE = "Method", "Loss", "Augmentation", "Machine"


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
    input_column: InputOption = None,
    targets: TargetOption = None,
    group: GroupOption = None,
    yes: YesOption = False,
    val: ValOption = None,
    val_split: ValSplitOption = None,
    skip_bad: SkipBadOption = False,
    allow_leaks: AllowLeaksOption = False,
    limit_train: Annotated[
        int | None,
        typer.Option(min=1, help="Train on so many samples only.", rich_help_panel="Data"),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            min=1, help="Epochs of the last gradient-descent phase.", rich_help_panel=_METHOD
        ),
    ] = None,
    max_steps: Annotated[
        int | None, typer.Option(min=1, help="Steps after which it ends.", rich_help_panel=_METHOD)
    ] = None,
    lr: Annotated[
        float | None,
        typer.Option(min=1e-12, help="Peak learning rate of that phase.", rich_help_panel=_METHOD),
    ] = None,
    batch_size: Annotated[
        str | None,
        typer.Option(
            metavar="N|auto|auto:N",
            help="Images at a time; auto halves what does not fit into memory.",
            rich_help_panel=_METHOD,
        ),
    ] = None,
    accumulate: Annotated[
        int | None, typer.Option(min=1, help="Batches a step.", rich_help_panel=_METHOD)
    ] = None,
    train: Annotated[
        str | None,
        typer.Option(
            metavar="head|all|top:N|freeze:N|STAGE,…",
            help="What trains; `zoo show BACKBONE` lists the stages.",
            rich_help_panel=_METHOD,
        ),
    ] = None,
    optimizer: Annotated[
        str | None,
        typer.Option(help="adamw, sgd, … or one of timm's.", rich_help_panel=_METHOD),
    ] = None,
    momentum: Annotated[
        float | None, typer.Option(min=0, max=0.9999, rich_help_panel=_METHOD)
    ] = None,
    weight_decay: Annotated[float | None, typer.Option(min=0, rich_help_panel=_METHOD)] = None,
    layer_decay: Annotated[
        float | None,
        typer.Option(
            min=1e-6,
            max=1,
            help="A stage's learning rate over that of the one above it.",
            rich_help_panel=_METHOD,
        ),
    ] = None,
    schedule: Annotated[ScheduleChoice | None, typer.Option(rich_help_panel=_METHOD)] = None,
    warmup: Annotated[
        float | None,
        typer.Option(min=0, max=0.999, help="Part of the steps.", rich_help_panel=_METHOD),
    ] = None,
    clip_norm: Annotated[
        float | None,
        typer.Option(min=1e-12, help="Largest norm of the gradient.", rich_help_panel=_METHOD),
    ] = None,
    ema: Annotated[
        float | None,
        typer.Option(
            min=1e-6,
            max=0.999999,
            help="Keep a moving average of the weights, of this decay.",
            rich_help_panel=_METHOD,
        ),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="End after so many epochs without a lower validation loss, and keep the best.",
            rich_help_panel=_METHOD,
        ),
    ] = None,
    batch_norm: Annotated[BatchNormChoice | None, typer.Option(rich_help_panel=_METHOD)] = None,
    hidden: Annotated[
        str | None,
        typer.Option(
            metavar="N,…", help="Widths of ReLU layers in the head.", rich_help_panel=_METHOD
        ),
    ] = None,
    dropout: Annotated[
        float | None,
        typer.Option(min=0, max=0.999, help="Within the head.", rich_help_panel=_METHOD),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="Any other field of the recipe; docs/recipes.md lists them.",
            rich_help_panel=_METHOD,
        ),
    ] = None,
    losses: Annotated[
        list[str] | None,
        typer.Option(
            "--loss",
            metavar="NAME",
            help="cross-entropy, focal, bce, mse, l1 or huber, for the targets that it fits.",
            rich_help_panel=_LOSS,
        ),
    ] = None,
    label_smoothing: Annotated[
        float | None, typer.Option(min=0, max=0.999, rich_help_panel=_LOSS)
    ] = None,
    class_weights: Annotated[ClassWeightsChoice | None, typer.Option(rich_help_panel=_LOSS)] = None,
    sampling: Annotated[SamplingChoice | None, typer.Option(rich_help_panel=_LOSS)] = None,
    target_weights: Annotated[
        list[str] | None,
        typer.Option(
            "--target-weight",
            metavar="TARGET=NUMBER",
            help="What a target's loss counts beside the others.",
            rich_help_panel=_LOSS,
        ),
    ] = None,
    weighting: Annotated[
        WeightingChoice | None,
        typer.Option(help="Or let training find these weights.", rich_help_panel=_LOSS),
    ] = None,
    flip: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Probability of a mirrored image.", rich_help_panel=_AUGMENT
        ),
    ] = None,
    rotation: Annotated[
        float | None,
        typer.Option(min=0, max=180, help="Degrees to either side.", rich_help_panel=_AUGMENT),
    ] = None,
    mixup: Annotated[
        float | None,
        typer.Option(min=0, help="Alpha, such as 0.2.", rich_help_panel=_AUGMENT),
    ] = None,
    cutmix: Annotated[
        float | None, typer.Option(min=0, help="Alpha, such as 1.", rich_help_panel=_AUGMENT)
    ] = None,
    device: DeviceOption = "auto",
    precision: Annotated[
        PrecisionChoice,
        typer.Option(
            help="auto is bf16 on a GPU that has it, else fp32.", rich_help_panel=_MACHINE
        ),
    ] = PrecisionChoice.AUTO,
    workers: WorkersOption = None,
    compile_network: Annotated[
        bool,
        typer.Option("--compile", help="Use torch.compile.", rich_help_panel=_MACHINE),
    ] = False,
    deterministic: Annotated[
        bool,
        typer.Option(
            "--deterministic",
            help="Refuse operators that do not give the same bits again.",
            rich_help_panel=_MACHINE,
        ),
    ] = False,
    cache_dir: CacheDirOption = None,
    cache_size: CacheSizeOption = None,
    no_cache: NoCacheOption = False,
) -> None:
    """Fine-tune a pretrained backbone on labelled images."""
    from accelerate import PartialState

    from cli.progress import TerminalProgress
    from zoo.data.open import DataSettings
    from zoo.registry import load_registry
    from zoo.training import finetune as training
    from zoo.training.plan import Settings
    from zoo.training.resume import resume as resume_run

    number, automatic = read_batch_size(batch_size)
    given = {
        "max_steps": max_steps,
        "accumulate": accumulate,
        "train": read_stages(train),
        "optimizer": optimizer,
        "momentum": momentum,
        "weight_decay": weight_decay,
        "layer_decay": layer_decay,
        "schedule": schedule and schedule.value,
        "warmup": warmup,
        "clip_norm": clip_norm,
        "ema": ema,
        "patience": patience,
        "batch_norm": batch_norm and batch_norm.value,
        "hidden": read_widths(hidden),
        "dropout": dropout,
        "losses": read_losses(losses),
        "label_smoothing": label_smoothing,
        "class_weights": class_weights and class_weights.value,
        "sampling": sampling and sampling.value,
        "target_weights": read_assignments(target_weights) or None,
        "weighting": weighting and weighting.value,
        "flip": flip,
        "rotation": rotation,
        "mixup": mixup,
        "cutmix": cutmix,
    }
    settings = Settings(
        recipe=recipe,
        epochs=epochs,
        lr=lr,
        batch_size=number,
        seed=seed,
        changes={name: value for name, value in given.items() if value is not None}
        | read_assignments(changes),
        img_size=img_size,
        data=DataSettings(
            val=val,
            val_split=val_split,
            input=input_column,
            targets=tuple(targets or ()),
            group=group,
            accept_guess=yes,
            skip_bad=skip_bad,
            allow_leaks=allow_leaks,
        ),
        limit_train=limit_train,
        device=device,
        precision=precision.value,
        workers=workers,
        auto_batch=automatic,
        deterministic=deterministic,
        compile=compile_network,
        cache=read_cache(cache_dir, cache_size, no_cache=no_cache),
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
        _summarise(run)


def _summarise(run: Run) -> None:
    from cli import render
    from zoo.targets import JointMetrics

    record = run.read()
    timing = record.timing
    assert timing is not None
    facts: list[tuple[str, str]] = []
    for split, metrics in record.metrics.items():
        parts = metrics.targets if isinstance(metrics, JointMetrics) else {"": metrics}
        for name, part in parts.items():
            text = f"{part.headline}, {part.num_samples} images"
            facts.append((f"{split} {name}".strip(), text))
    for name, found in record.calibration.items():
        text = (
            f"temperature {found.temperature:.2f}; calibration error "
            f"{found.error_before:.3f} -> {found.error_after:.3f}, loss "
            f"{found.loss_before:.3f} -> {found.loss_after:.3f}"
        )
        facts.append(
            (f"calibration {name}" if len(record.calibration) > 1 else "calibration", text)
        )
    render.print_facts(
        [
            *facts,
            ("time", f"{timing.seconds:.0f} s, {timing.images_per_second:.0f} images/s"),
            ("run", str(run.path)),
            ("next", f"zoo export {shlex.quote(str(run.path))}"),
        ]
    )
