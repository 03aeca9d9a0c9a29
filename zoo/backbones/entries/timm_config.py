"""timm's configuration of pretrained weights: the part that zoo reads, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from zoo.backbones.entries.timm_arguments import unusual_arguments
from zoo.backbones.timm_networks import PLAIN
from zoo.errors import BrokenRegistryError, RegistryError
from zoo.registry import list_mistakes
from zoo.storage import parse_json

LARGEST = 4096
"""Images of more pixels a side are refused; timm's largest have 1024."""
LEAST_KEPT = 0.05
"""Part of a side that a crop keeps at least; timm's keep 0.875."""
_MAX_BYTES = 16 * 2**20
"""Of a `config.json`: names of a hundred thousand classes are a tenth of it."""
_HINT = "zoo reads image networks in timm's layout; see docs/registry.md"

Side = Annotated[int, Field(ge=1, le=LARGEST)]
Positive = Annotated[float, Field(gt=0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimmConfig:
    """Fields of timm's `pretrained_cfg`, under its names."""

    __pydantic_config__ = ConfigDict(extra="ignore", allow_inf_nan=False)

    architecture: Annotated[str, Field(pattern=PLAIN)]
    num_classes: Annotated[int, Field(ge=0, le=1_000_000)]
    input_size: tuple[Literal[3], Side, Side]
    """Channels, height, width."""
    crop_pct: Annotated[float, Field(ge=LEAST_KEPT, le=1)]
    crop_mode: str = "center"
    interpolation: str = "bicubic"
    mean: tuple[float, float, float]
    std: tuple[Positive, Positive, Positive]
    classifier: str | tuple[str, ...] | None = None
    """Path of the last layer, or of several."""
    license: str | None = None
    origin_url: str | None = None
    paper_ids: str | tuple[str, ...] | None = None
    model_args: dict[str, Any] | None = None
    """What else the network was built with."""


def check_config(facts: Mapping[str, Any], origin: str) -> TimmConfig:
    """Check a configuration that timm keeps in code.

    Raises:
        RegistryError: Something that zoo needs is missing or impossible; all of it is listed.
    """
    try:
        config = TypeAdapter(TimmConfig).validate_python(facts)
    except ValidationError as cause:
        raise BrokenRegistryError(
            f"timm's configuration of {origin}",
            list_mistakes(cause),
            hint=_HINT,
        ) from cause
    _, height, width = config.input_size
    if height != width:
        raise RegistryError(
            f"{origin} takes images of {height} x {width} px; zoo's are square",
            hint="choose a variant for square images",
        )
    if unusual := unusual_arguments(facts):
        raise RegistryError(
            f"{origin} was built with model_args {str(unusual)[:300]}, which zoo cannot repeat",
            hint="choose weights of an architecture as timm defines it",
        )
    return config


def read_content(path: Path, origin: str) -> Mapping[str, Any]:
    """Read a `config.json`, or a file beside it, of any library.

    Args:
        path: The file.
        origin: What to call whose it is in errors.

    Raises:
        RegistryError: It is no JSON object, or larger than any; such a one is not read.
    """
    what = f"the {path.name} of {origin}"
    hint = "ask whoever wrote it for the file as timm or transformers saves it"
    if (size := path.stat().st_size) > _MAX_BYTES:
        raise RegistryError(f"{what} is too large: {size} bytes, where 16 MiB are many", hint=hint)
    try:
        content = parse_json(path.read_text(encoding="utf-8"))
    except ValueError as cause:
        raise RegistryError(f"{what} is not JSON: {cause}", hint=hint) from cause
    if not isinstance(content, dict):
        raise RegistryError(f"{what} is no JSON object", hint=hint)
    return content


def merge_config(content: Mapping[str, Any], origin: str) -> TimmConfig:
    """Check a parsed `config.json` that timm wrote, in its newer or older layout.

    Raises:
        RegistryError: It is another library's, or names something impossible.
    """
    if "architecture" not in content:
        raise RegistryError(
            f"the config.json of {origin} is not one that timm writes",
            hint=_HINT,
        )
    nested = content.get("pretrained_cfg")
    return check_config({**(nested if isinstance(nested, dict) else {}), **content}, origin)
