"""What a user says of the images that an export is verified on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import InputOption, TargetOption

if TYPE_CHECKING:
    from export.evidence import Evidence
    from zoo.model import TrainedModel
    from zoo.run import Run

_PANEL = "Data"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceOptions:
    """Which labelled images, and how many."""

    data: Annotated[
        Path | None,
        typer.Option(
            help="Labelled images to verify on; by default the run's own.", rich_help_panel=_PANEL
        ),
    ] = None
    input_column: InputOption = None
    targets: TargetOption = None
    samples: Annotated[
        int,
        typer.Option(min=1, help="Images to verify on, at most.", rich_help_panel=_PANEL),
    ] = 256

    def gather(self, model: TrainedModel, run: Run | None) -> Evidence:
        """Choose the images.

        Raises:
            DataError: They are gone, have changed, or are of other classes.
            RunError: There are none.
        """
        from export.evidence import gather_evidence
        from zoo.data.open import DataSettings

        settings = DataSettings(input=self.input_column, targets=tuple(self.targets or ()))
        return gather_evidence(run, self.data, model.targets, self.samples, settings=settings)
