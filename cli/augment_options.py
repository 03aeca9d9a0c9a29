"""What a run sees: the ways in which it alters its training images."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer

_PANEL = "Augmentation"


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentOptions:
    """The options of augmentation that are asked for most; `--set` reaches the others."""

    flip: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Probability of a mirrored image.", rich_help_panel=_PANEL),
    ] = None
    rotation: Annotated[
        float | None,
        typer.Option(min=0, max=180, help="Degrees to either side.", rich_help_panel=_PANEL),
    ] = None
    mixup: Annotated[
        float | None,
        typer.Option(min=0, help="Alpha, such as 0.2.", rich_help_panel=_PANEL),
    ] = None
    cutmix: Annotated[
        float | None, typer.Option(min=0, help="Alpha, such as 1.", rich_help_panel=_PANEL)
    ] = None

    def to_changes(self) -> dict[str, Any]:
        """List the fields of the recipe that they change, None where one is left alone."""
        return asdict(self)
