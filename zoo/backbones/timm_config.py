"""timm's configuration of pretrained weights: the part that zoo reads, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from zoo.errors import BrokenRegistryError, RegistryError
from zoo.registry import list_mistakes

Three = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimmConfig:
    """Fields of timm's `pretrained_cfg`, under its names."""

    __pydantic_config__ = ConfigDict(extra="ignore", allow_inf_nan=False)

    architecture: Annotated[str, Field(min_length=1)]
    num_classes: Annotated[int, Field(ge=0)]
    input_size: tuple[Literal[3], int, int]
    """Channels, height, width."""
    crop_pct: Annotated[float, Field(gt=0, le=1)]
    crop_mode: str = "center"
    interpolation: str = "bicubic"
    mean: Three
    std: Three
    classifier: str | tuple[str, ...] | None = None
    """Path of the last layer, or of several."""
    license: str | None = None
    origin_url: str | None = None
    paper_ids: str | tuple[str, ...] | None = None
    model_args: dict[str, Any] = field(default_factory=dict)
    """What the network was built with, beyond its architecture's defaults."""


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
            hint="zoo reads image networks in timm's layout; see docs/registry.md",
        ) from cause
    _, height, width = config.input_size
    if height != width:
        raise RegistryError(
            f"{origin} takes images of {height} x {width} px; zoo's are square",
            hint="choose a variant for square images",
        )
    if config.model_args:
        raise RegistryError(
            f"{origin} was built with model_args {config.model_args}, which zoo cannot repeat",
            hint="choose weights of an architecture as timm defines it",
        )
    return config


def parse_config(text: bytes, origin: str) -> TimmConfig:
    """Read the `config.json` that timm writes beside weights, in its newer or older layout.

    Raises:
        RegistryError: It is another kind of file, or names something impossible.
    """
    try:
        content = from_json(text)
    except ValueError as cause:
        raise RegistryError(f"the config.json of {origin} is not JSON: {cause}") from cause
    if not isinstance(content, dict) or "architecture" not in content:
        raise RegistryError(
            f"the config.json of {origin} is not one that timm writes",
            hint="zoo reads image networks in timm's layout; see docs/registry.md",
        )
    nested = content.get("pretrained_cfg")
    return check_config({**(nested if isinstance(nested, dict) else {}), **content}, origin)
