"""Options that several commands share."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


class Format(str, Enum):
    """How a result is printed."""

    TABLE = "table"
    JSON = "json"


class Runtime(str, Enum):
    """What runs a model."""

    TORCH = "torch"
    ONNX = "onnx"


FormatOption = Annotated[Format, typer.Option("--format", help="How to print the result.")]
RegistryOption = Annotated[
    list[str] | None,
    typer.Option(
        "--registry",
        metavar="FILE|hub:ORG/NAME",
        help="Another registry, laid over the built-in, the user's and the project's.",
    ),
]
DeviceOption = Annotated[
    str, typer.Option("--device", help="auto, cpu, cuda or cuda:1. auto takes a GPU if it can.")
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers", min=0, help="Processes that decode images. [none on the CPU, 8 for a GPU]"
    ),
]
RuntimeOption = Annotated[
    Runtime, typer.Option("--runtime", help="Run the trained network or the exported one.")
]
ModelArgument = Annotated[
    Path, typer.Argument(metavar="MODEL", help="A run folder or a model folder.")
]
