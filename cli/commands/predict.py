"""`zoo predict`: files to labels and scores."""

from __future__ import annotations

import csv
import glob
import sys
from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import DeviceOption, Runtime, RuntimeOption, WorkersOption

if TYPE_CHECKING:
    from zoo.prediction import Failure, Prediction


class PredictionFormat(str, Enum):
    """How predictions are printed."""

    TABLE = "table"
    JSONL = "jsonl"
    JSON = "json"
    CSV = "csv"


def predict(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A run folder, a model folder or an .onnx file.")
    ],
    files: Annotated[
        list[str],
        typer.Argument(help="Images, folders, quoted globs, or - for a list on stdin."),
    ],
    runtime: RuntimeOption = Runtime.TORCH,
    device: DeviceOption = "auto",
    top: Annotated[int, typer.Option(min=1, help="How many classes to list.")] = 5,
    batch_size: Annotated[int, typer.Option(min=1, help="Images at a time.")] = 32,
    workers: WorkersOption = None,
    fmt: Annotated[
        PredictionFormat,
        typer.Option("--format", help="jsonl and json are the same: one object a line."),
    ] = PredictionFormat.TABLE,
) -> None:
    """Predict the class of images with a trained or an exported model."""
    from cli import verdict
    from export.classifier import open_classifier
    from zoo import prediction
    from zoo.hardware import resolve_workers

    paths = list(_expand(files))
    classifier = open_classifier(model, runtime.value, device)
    verdict.warn_if_unproved(model, runtime)
    results = prediction.predict(
        classifier,
        paths,
        top=top,
        batch_size=batch_size,
        workers=resolve_workers(workers, classifier.device),
    )
    failures: list[Failure] = []
    _PRINTERS[fmt](_set_aside(results, failures))
    _raise_if_any(failures)


def _expand(files: Iterable[str]) -> Iterator[Path]:
    """Turn folders, globs and `-` into files."""
    from zoo.errors import DataError
    from zoo.inputs.image import is_image

    for name in files:
        path = Path(name)
        if name == "-":
            yield from _expand(_read_names())
        elif path.is_dir():
            inside = [found for found in sorted(path.rglob("*")) if is_image(found)]
            if not inside:
                raise DataError(f"{path} holds no images")
            yield from inside
        elif path.exists() or not glob.has_magic(name):
            yield path
        elif matches := sorted(glob.glob(name, recursive=True)):
            yield from _expand(matches)
        else:
            raise DataError(f"nothing matches {name!r}")


def _read_names() -> list[str]:
    """Read paths from stdin, one a line."""
    from zoo.errors import DataError

    lines = [line.rstrip("\r\n") for line in sys.stdin]
    if any("\0" in line or "\udc80" <= max(line, default="") <= "\udcff" for line in lines):
        raise DataError("stdin is not a list of paths", hint="give `-` one path a line, no image")
    names = [line for line in lines if line.strip()]
    if not names:
        raise DataError("stdin holds no path")
    return names


def _set_aside(
    results: Iterable[Prediction | Failure], failures: list[Failure]
) -> Iterator[Prediction]:
    from zoo.prediction import Prediction

    for result in results:
        if isinstance(result, Prediction):
            yield result
        else:
            failures.append(result)


def _raise_if_any(failures: list[Failure]) -> None:
    from zoo.errors import UnreadableImagesError

    if failures:
        raise UnreadableImagesError(
            {failure.file: failure.reason for failure in failures},
            hint="all other files were predicted",
        )


def _print_table(predictions: Iterable[Prediction]) -> None:
    from cli import render

    rows = [
        (
            str(p.file),
            p.label,
            f"{p.score:.1%}",
            ", ".join(f"{name} {score:.1%}" for name, score in p.top[1:]),
        )
        for p in predictions
    ]
    if rows:
        render.print_table(("file", "label", "score", "then"), rows, right=("score",))


def _print_json_lines(predictions: Iterable[Prediction]) -> None:
    from dataclasses import asdict

    from cli import render

    for prediction in predictions:
        render.print_json_line(asdict(prediction))


def _print_csv(predictions: Iterable[Prediction]) -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(("file", "label", "score"))
    for prediction in predictions:
        writer.writerow((prediction.file, prediction.label, f"{prediction.score:.6f}"))


_PRINTERS = {
    PredictionFormat.TABLE: _print_table,
    PredictionFormat.JSONL: _print_json_lines,
    PredictionFormat.JSON: _print_json_lines,
    PredictionFormat.CSV: _print_csv,
}
