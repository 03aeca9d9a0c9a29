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
        "--workers",
        min=0,
        help="Processes that decode images; by default none on the CPU, 8 for a GPU.",
    ),
]
_DATA, _MACHINE = "Data", "Machine"

InputOption = Annotated[
    str | None,
    typer.Option(
        "--input", metavar="COLUMN", help="A table's column of images.", rich_help_panel=_DATA
    ),
]
TargetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--target",
        metavar="COLUMN[:KIND]",
        help="A table's column to be learnt, as class, labels or value; may be repeated.",
        rich_help_panel=_DATA,
    ),
]
SkipBadOption = Annotated[
    bool,
    typer.Option(
        "--skip-bad", help="Go on without files that cannot be read.", rich_help_panel=_DATA
    ),
]
CacheDirOption = Annotated[
    Path | None,
    typer.Option(
        "--cache-dir",
        envvar="ZOO_CACHE_DIR",
        help="Where decoded pixels are kept; `zoo cache` lists them.",
        rich_help_panel=_MACHINE,
    ),
]
RuntimeOption = Annotated[
    Runtime, typer.Option("--runtime", help="Run the trained network or the exported one.")
]
ModelArgument = Annotated[
    Path, typer.Argument(metavar="MODEL", help="A run folder or a model folder.")
]
