"""`zoo evaluate`: a model's score on labelled images."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import (
    DeviceOption,
    Format,
    FormatOption,
    ModelArgument,
    Runtime,
    RuntimeOption,
    WorkersOption,
)

if TYPE_CHECKING:
    from zoo.data.dataset import Sample
    from zoo.evaluation import Classifier
    from zoo.targets.classes import ClassMetrics


class Split(str, Enum):
    """A split of a run's own data."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


def evaluate(
    model: ModelArgument,
    data: Annotated[
        Path | None,
        typer.Argument(help="A folder with one sub-folder a class; by default the run's split."),
    ] = None,
    split: Annotated[
        Split, typer.Option(help="Which split of the run, if no DATA is named.")
    ] = Split.VALIDATION,
    runtime: RuntimeOption = Runtime.TORCH,
    device: DeviceOption = "auto",
    batch_size: Annotated[int, typer.Option(min=1, help="Images at a time.")] = 32,
    workers: WorkersOption = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Go on without files that cannot be read.")
    ] = False,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Score a trained or an exported model on labelled images."""
    from cli import verdict
    from cli.progress import TerminalProgress
    from export.classifier import open_classifier
    from zoo import evaluation
    from zoo.hardware import resolve_workers

    with TerminalProgress() as progress:
        classifier = open_classifier(model, runtime.value, device)
        verdict.warn_if_unproved(model, runtime)
        metrics = evaluation.evaluate(
            classifier,
            _find_samples(model, data, split, classifier, skip_bad),
            batch_size=batch_size,
            workers=resolve_workers(workers, classifier.device),
            progress=progress,
        )
    if fmt is Format.JSON:
        _print_json(metrics, classifier)
    else:
        _print_tables(metrics)


def _find_samples(
    model: Path, data: Path | None, split: Split, classifier: Classifier, skip_bad: bool
) -> tuple[Sample, ...]:
    from zoo.data.folder import open_labelled
    from zoo.errors import RunError
    from zoo.run import locate_model

    if data is not None:
        return open_labelled(data, classifier.classes, skip_bad=skip_bad)
    run = locate_model(model).run
    if run is None:
        raise RunError(f"{model} brings no data of its own", hint="name a folder to evaluate on")
    return run.read_split(split.value)


def _print_json(metrics: ClassMetrics, classifier: Classifier) -> None:
    from dataclasses import asdict

    from cli import render

    render.print_json({"classes": classifier.classes, **asdict(metrics)})


def _print_tables(metrics: ClassMetrics) -> None:
    from cli import render

    render.print_table(
        ("class", "precision", "recall", "F1", "images"),
        [
            (s.name, f"{s.precision:.3f}", f"{s.recall:.3f}", f"{s.f1:.3f}", str(s.support))
            for s in metrics.per_class
        ],
        right=("precision", "recall", "F1", "images"),
    )
    render.print_line()
    render.print_facts(
        [
            ("top-1", f"{metrics.top1:.4f}"),
            ("top-5", f"{metrics.top5:.4f}"),
            ("macro-F1", f"{metrics.macro_f1:.4f}"),
            ("loss", f"{metrics.loss:.4f} nats"),
            ("images", str(metrics.num_samples)),
        ]
    )
    worst = _most_confused(metrics)
    if worst:
        render.print_line()
        render.print_table(("true class", "taken for", "times"), worst, right=("times",))


def _most_confused(metrics: ClassMetrics, count: int = 5) -> list[tuple[str, str, str]]:
    """Name the commonest mistakes."""
    names = [score.name for score in metrics.per_class]
    mistakes = [
        (times, true, predicted)
        for true, row in enumerate(metrics.confusion_matrix)
        for predicted, times in enumerate(row)
        if times and true != predicted
    ]
    mistakes.sort(key=lambda mistake: -mistake[0])
    return [(names[true], names[guess], str(times)) for times, true, guess in mistakes[:count]]
