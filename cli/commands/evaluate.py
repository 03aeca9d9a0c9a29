"""`zoo evaluate`: a model's scores on labelled images."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import (
    DeviceOption,
    Format,
    FormatOption,
    InputOption,
    ModelArgument,
    Runtime,
    RuntimeOption,
    SkipBadOption,
    WorkersOption,
)

if TYPE_CHECKING:
    from zoo.data.dataset import Samples
    from zoo.data.open import DataSettings
    from zoo.evaluation import Predictor
    from zoo.targets import Metrics


class Split(str, Enum):
    """A split of a run's own data."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


def evaluate(
    model: ModelArgument,
    data: Annotated[
        Path | None,
        typer.Argument(
            help="A folder with one sub-folder a class, or a table with the model's targets; by "
            "default the run's own split."
        ),
    ] = None,
    split: Annotated[
        Split, typer.Option(help="Which split of the run, if no DATA is named.")
    ] = Split.VALIDATION,
    runtime: RuntimeOption = Runtime.TORCH,
    device: DeviceOption = "auto",
    batch_size: Annotated[int, typer.Option(min=1, help="Images at a time.")] = 32,
    workers: WorkersOption = None,
    fmt: FormatOption = Format.TABLE,
    input_: InputOption = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target",
            metavar="TARGET=COLUMN",
            help="A table's column that has another name than the model's target; may be repeated.",
            rich_help_panel="Data",
        ),
    ] = None,
    skip_bad: SkipBadOption = False,
) -> None:
    """Score a trained or an exported model on labelled images."""
    from cli import render, verdict
    from cli.progress import TerminalProgress
    from cli.scores import print_scores
    from export.open import open_predictor
    from zoo import evaluation
    from zoo.data.open import DataSettings
    from zoo.hardware import resolve_workers

    settings = DataSettings(input=input_, targets=tuple(target or ()), skip_bad=skip_bad)
    with TerminalProgress() as progress:
        predictor = open_predictor(model, runtime.value, device)
        verdict.warn_if_unproved(model, runtime)
        metrics = evaluation.evaluate(
            predictor,
            _find_samples(model, data, split, predictor, settings),
            batch_size=batch_size,
            workers=resolve_workers(workers, predictor.device),
            progress=progress,
        )
    if fmt is Format.JSON:
        render.print_json(_to_data(metrics, predictor))
    else:
        print_scores(metrics)


def _find_samples(
    model: Path, data: Path | None, split: Split, predictor: Predictor, settings: DataSettings
) -> Samples:
    from zoo.data.open import open_labelled
    from zoo.errors import RunError
    from zoo.run import locate_model

    if data is not None:
        return open_labelled(data, predictor.targets, settings)
    if asked := ", ".join(settings.of_tables):
        raise typer.BadParameter(f"{asked} is for a table, and no DATA is named")
    run = locate_model(model).run
    if run is None:
        raise RunError(
            f"{model} brings no data of its own", hint="name a folder or a table to evaluate on"
        )
    return run.read_split(split.value)


def _to_data(metrics: Metrics, predictor: Predictor) -> dict[str, Any]:
    """Say metrics as JSON does: null is what is not defined; a classifier names its classes."""
    from pydantic import TypeAdapter

    from zoo.targets import ClassTarget, Metrics

    (target, *others) = predictor.targets
    plain = TypeAdapter[Metrics](Metrics).dump_json(metrics)
    found: dict[str, Any] = json.loads(plain)
    if isinstance(target, ClassTarget) and not others:
        return {"classes": target.classes, **found}
    return found
