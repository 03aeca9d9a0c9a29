"""`zoo predict`: files to answers."""

from __future__ import annotations

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


_TOP = 5
"""Classes that are listed where nobody says how many."""


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
    top: Annotated[
        int | None,
        typer.Option(min=1, help="How many classes to list, where it knows classes; by default 5."),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images at a time.")] = 32,
    workers: WorkersOption = None,
    fmt: Annotated[
        PredictionFormat,
        typer.Option("--format", help="jsonl and json are the same: one object a line."),
    ] = PredictionFormat.TABLE,
) -> None:
    """Say what a trained or an exported model makes of images."""
    from cli import answers, verdict
    from export.open import open_predictor
    from zoo import prediction
    from zoo.hardware import resolve_workers

    if top is not None and fmt is PredictionFormat.CSV:
        raise typer.BadParameter(
            "--top says nothing to CSV, which has one label a file; take jsonl"
        )
    paths = list(_expand(files))
    predictor = open_predictor(model, runtime.value, device)
    verdict.warn_if_unproved(model, runtime)
    results = prediction.predict(
        predictor,
        paths,
        top=top or _TOP,
        batch_size=batch_size,
        workers=resolve_workers(workers, predictor.device),
    )
    failures: list[Failure] = []
    print_all = {
        PredictionFormat.TABLE: answers.print_table,
        PredictionFormat.JSONL: answers.print_json_lines,
        PredictionFormat.JSON: answers.print_json_lines,
        PredictionFormat.CSV: answers.print_csv,
    }[fmt]
    print_all(_set_aside(results, failures), predictor.targets)
    _raise_if_any(failures, of=len(paths))


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


def _raise_if_any(failures: list[Failure], *, of: int) -> None:
    from zoo.errors import UnreadableImagesError

    if failures:
        raise UnreadableImagesError(
            {failure.file: failure.reason for failure in failures},
            hint="all other files were predicted"
            if len(failures) < of
            else "nothing was predicted",
        )
