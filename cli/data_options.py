"""What a user says of labelled data, in whichever command reads it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import InputOption, TargetOption

if TYPE_CHECKING:
    from zoo.data.open import DataSettings

_PANEL = "Data"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataOptions:
    """Which columns of a table are what, and what validates."""

    input_column: InputOption = None
    targets: TargetOption = None
    group: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="A table's column whose equal values stay on one side of the split.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    yes: Annotated[
        bool,
        typer.Option(
            "--yes", help="Take zoo's guess of a table's columns.", rich_help_panel=_PANEL
        ),
    ] = False
    val: Annotated[
        Path | None,
        typer.Option(
            "--val", help="Separate data of the same kind to validate on.", rich_help_panel=_PANEL
        ),
    ] = None
    val_split: Annotated[
        float | None,
        typer.Option(
            "--val-split",
            help="Part that validates where the data has no such split; by default 0.2.",
            rich_help_panel=_PANEL,
        ),
    ] = None

    def to_settings(self, *, skip_bad: bool, allow_leaks: bool = False) -> DataSettings:
        """Say it as the library hears it.

        Args:
            skip_bad: Go on without files that cannot be read.
            allow_leaks: Go on although the same image is in two splits.
        """
        from zoo.data.open import DataSettings

        return DataSettings(
            val=self.val,
            val_split=self.val_split,
            input=self.input_column,
            targets=tuple(self.targets or ()),
            group=self.group,
            accept_guess=self.yes,
            skip_bad=skip_bad,
            allow_leaks=allow_leaks,
        )
