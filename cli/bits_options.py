"""What a user says of an export in fewer bits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from cli.choices import BitsChoice, list_words, read_word

if TYPE_CHECKING:
    from export.settings import ExportSettings

_PANEL = "Fewer bits"


@dataclass(frozen=True, slots=True, kw_only=True)
class BitsOptions:
    """In which fewer bits, and how much they may cost."""

    precision: Annotated[
        list[BitsChoice] | None,
        typer.Option(
            parser=read_word(BitsChoice),
            metavar=list_words(BitsChoice),
            help="Write it in fewer bits as well; may be given twice.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    max_drop: Annotated[
        float,
        typer.Option(
            min=0.0,
            help="Points of its own metric that each target may lose.",
            rich_help_panel=_PANEL,
        ),
    ] = 0.5
    calibration_images: Annotated[
        int,
        typer.Option(
            min=2, help="Training images that int8 takes its ranges from.", rich_help_panel=_PANEL
        ),
    ] = 256

    def add_to(self, settings: ExportSettings) -> ExportSettings:
        """Say it as the library hears it, each precision once.

        Raises:
            typer.BadParameter: A budget is given for nothing.
        """
        if not self.precision and self != BitsOptions():
            raise typer.BadParameter("--max-drop and --calibration-images go with --precision")
        return replace(
            settings,
            precisions=tuple(dict.fromkeys(choice.value for choice in self.precision or ())),
            max_drop=self.max_drop,
            calibration_images=self.calibration_images,
        )
