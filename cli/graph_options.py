"""What a user says of the graph that an export is to become."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from cli.choices import ExporterChoice, GoldenChoice, list_words, read_word

if TYPE_CHECKING:
    from export.settings import ExportSettings

_PANEL = "Graph"


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphOptions:
    """How the graph is made, and what lies beside it."""

    exporter: Annotated[
        ExporterChoice,
        typer.Option(
            parser=read_word(ExporterChoice),
            metavar="EXPORTER",
            help="dynamo or torchscript; auto keeps the first that passes.",
            rich_help_panel=_PANEL,
        ),
    ] = ExporterChoice.AUTO
    opset: Annotated[
        int,
        typer.Option(min=18, max=23, help="Version of the operators.", rich_help_panel=_PANEL),
    ] = 20
    dynamic_size: Annotated[
        bool,
        typer.Option(
            "--dynamic-size",
            help="Take images of any height and width, proved at several.",
            rich_help_panel=_PANEL,
        ),
    ] = False
    embed_preprocessing: Annotated[
        bool,
        typer.Option(
            "--embed-preprocessing",
            help="Write a second graph, from uint8 images to probabilities.",
            rich_help_panel=_PANEL,
        ),
    ] = False
    golden: Annotated[
        GoldenChoice,
        typer.Option(
            parser=read_word(GoldenChoice),
            metavar=list_words(GoldenChoice),
            help="Inputs to keep with the model's answers: artificial ones and eight of your "
            "images, artificial ones alone, or nothing.",
            rich_help_panel=_PANEL,
        ),
    ] = GoldenChoice.REAL

    def to_settings(self) -> ExportSettings:
        """Say it as the library hears it."""
        from export.settings import ExportSettings

        return ExportSettings(
            exporter=self.exporter.value,
            opset=self.opset,
            dynamic_size=self.dynamic_size,
            embed_preprocessing=self.embed_preprocessing,
            golden=self.golden.value,
            locate=True,
        )
