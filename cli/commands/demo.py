"""`zoo demo`: the main job from end to end, offline, on real handwriting."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import Annotated

import typer

_TRAIN, _VALIDATION = 40, 25


def demo(
    output: Annotated[Path, typer.Option(help="The folder to work in; must not exist.")] = Path(
        "zoo-demo"
    ),
) -> None:
    """Fine-tune, export, verify and predict on digits that come with a package, in minutes."""
    from cli import render
    from zoo.data.digits import write_digits
    from zoo.errors import DataError

    if output.exists():
        raise DataError(f"{output} exists", hint="remove it, or choose another --output")
    began = time.monotonic()
    data, run = output / "digits", output / "run"

    _headline("1", "Real data: scans of handwritten digits (scikit-learn; UCI, CC BY 4.0)")
    count = write_digits(data, train=_TRAIN, validation=_VALIDATION)
    render.print_line(f"{count} pictures, one folder a digit, in {data}")

    _headline("2", "Fine-tune ImageNet weights: solve the head, then train every layer")
    _run(
        f"finetune efficientnet_lite0 {_quote(data)} --recipe finetune-few --img-size 96 "
        f"--epochs 8 --output {_quote(run)}"
    )

    _headline("3", "Export to ONNX, and prove that the file is the model that was trained")
    _run(f"export {_quote(run)}")

    _headline("4", "Use it: ONNX Runtime on pictures that training never saw")
    pictures = shlex.quote(f"{data}/val/*/00[0-5]*.png")
    _run(f"predict {_quote(run)} {pictures} --runtime onnx --top 2")

    render.print_line()
    render.print_line(f"Done in {time.monotonic() - began:.0f} s. What you have now:")
    render.print_facts(
        [
            ("the model", f"{run}/model (weights, preprocessing, labels)"),
            ("to deploy", f"{run}/model/onnx/model.onnx"),
            ("the proof", f"{run}/model/onnx/verification.json"),
            ("the record", f"{run}/run.json"),
            ("your turn", "zoo finetune efficientnet_lite0 ./your-photos"),
        ]
    )


def _headline(number: str, text: str) -> None:
    from rich.console import Console

    Console(highlight=False).print(f"\n[bold cyan]{number}[/] [bold]{text}[/]")


def _run(command: str) -> None:
    """Show a command line and carry it out, exactly as shown."""
    from rich.console import Console
    from rich.text import Text

    from cli.main import app

    Console(highlight=False).print(Text(f"$ zoo {command}", style="dim"), soft_wrap=True)
    app(shlex.split(command), standalone_mode=False)


def _quote(path: Path) -> str:
    return shlex.quote(str(path))
