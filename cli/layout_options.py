"""What a user says of the folder that an export is laid out in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from cli.choices import LayoutChoice, list_words, read_word

_PANEL = "Layout"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutOptions:
    """A folder for deployment, and where it is to be made."""

    layout: Annotated[
        LayoutChoice | None,
        typer.Option(
            parser=read_word(LayoutChoice),
            metavar=list_words(LayoutChoice),
            help="Lay the export out for deployment, in the folder that --output names; a model "
            "that was not exported yet is exported first.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    output: Annotated[
        Path | None,
        typer.Option(help="The folder to make for --layout.", rich_help_panel=_PANEL),
    ] = None
    unproved: Annotated[
        bool,
        typer.Option(
            "--unproved",
            help="Lay out what no verification has passed.",
            rich_help_panel=_PANEL,
        ),
    ] = False
    max_batch_size: Annotated[
        int,
        typer.Option(min=1, help="Images that Triton may join to a batch.", rich_help_panel=_PANEL),
    ] = 32

    def require_place(self) -> None:
        """Refuse a layout without a folder, and a folder without a layout.

        Raises:
            typer.BadParameter: One is missing.
        """
        if (self.layout is None) != (self.output is None):
            raise typer.BadParameter("--layout and --output go together")

    def write(self, folder: Path) -> Path:
        """Lay a model folder's export out.

        Raises:
            VerificationError: Nobody proved that it is the model that was trained.
            RunError: The place exists.
        """
        from export.layouts.standalone import write_standalone
        from export.layouts.triton import TritonSettings, write_triton

        assert self.output is not None
        if self.layout is LayoutChoice.STANDALONE:
            return write_standalone(folder, self.output, unproved=self.unproved)
        settings = TritonSettings(max_batch_size=self.max_batch_size)
        return write_triton(folder, self.output, settings, unproved=self.unproved)
