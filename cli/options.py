"""Options that several commands share."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from zoo.data.pixels.keep import CacheSettings


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
GroupOption = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="A table's column whose equal values stay on one side of the split.",
        rich_help_panel=_DATA,
    ),
]
YesOption = Annotated[
    bool,
    typer.Option("--yes", help="Take zoo's guess of a table's columns.", rich_help_panel=_DATA),
]
ValOption = Annotated[
    Path | None,
    typer.Option(
        "--val", help="Separate data of the same kind to validate on.", rich_help_panel=_DATA
    ),
]
ValSplitOption = Annotated[
    float | None,
    typer.Option(
        "--val-split",
        help="Part that validates where the data has no such split; by default 0.2.",
        rich_help_panel=_DATA,
    ),
]
SkipBadOption = Annotated[
    bool,
    typer.Option(
        "--skip-bad", help="Go on without files that cannot be read.", rich_help_panel=_DATA
    ),
]
AllowLeaksOption = Annotated[
    bool,
    typer.Option(
        "--allow-leaks",
        help="Go on although the same image is in two splits.",
        rich_help_panel=_DATA,
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
CacheSizeOption = Annotated[
    float | None,
    typer.Option(
        "--cache-size",
        envvar="ZOO_CACHE_SIZE",
        min=0,
        metavar="GB",
        help="How large they may grow together; by default 20.",
        rich_help_panel=_MACHINE,
    ),
]
NoCacheOption = Annotated[
    bool,
    typer.Option("--no-cache", help="Decode every image in every epoch.", rich_help_panel=_MACHINE),
]
RuntimeOption = Annotated[
    Runtime, typer.Option("--runtime", help="Run the trained network or the exported one.")
]
ModelArgument = Annotated[
    Path, typer.Argument(metavar="MODEL", help="A run folder or a model folder.")
]


def read_cache(
    folder: Path | None, size_gb: float | None, *, no_cache: bool = False
) -> CacheSettings | None:
    """Turn the options of the pixel cache into its settings."""
    from zoo.data.pixels.keep import CacheSettings

    if no_cache:
        return None
    given = {
        "folder": folder,
        "max_bytes": None if size_gb is None else round(size_gb * 1e9),
    }
    return CacheSettings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
