"""What a run lowers: losses, and what counts how much in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from cli.changes import read_assignments, read_losses
from cli.choices import (
    ClassWeightsChoice,
    SamplingChoice,
    WeightingChoice,
    list_words,
    read_word,
)

_PANEL = "Loss"


@dataclass(frozen=True, slots=True, kw_only=True)
class LossOptions:
    """Options of losses, of samples and of targets."""

    losses: Annotated[
        list[str] | None,
        typer.Option(
            "--loss",
            metavar="NAME",
            help="cross-entropy, focal, bce, mse, l1 or huber, for the targets that it fits.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    label_smoothing: Annotated[
        float | None, typer.Option(min=0, max=0.999, rich_help_panel=_PANEL)
    ] = None
    class_weights: Annotated[
        ClassWeightsChoice | None,
        typer.Option(
            parser=read_word(ClassWeightsChoice),
            metavar=list_words(ClassWeightsChoice),
            rich_help_panel=_PANEL,
        ),
    ] = None
    sampling: Annotated[
        SamplingChoice | None,
        typer.Option(
            parser=read_word(SamplingChoice),
            metavar=list_words(SamplingChoice),
            rich_help_panel=_PANEL,
        ),
    ] = None
    target_weights: Annotated[
        list[str] | None,
        typer.Option(
            "--target-weight",
            metavar="TARGET=NUMBER",
            help="What a target's loss counts beside the others.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    weighting: Annotated[
        WeightingChoice | None,
        typer.Option(
            parser=read_word(WeightingChoice),
            metavar=list_words(WeightingChoice),
            help="Or let training find these weights.",
            rich_help_panel=_PANEL,
        ),
    ] = None

    def to_changes(self) -> dict[str, Any]:
        """List the fields of the recipe that they change, None where one is left alone."""
        return {
            "losses": read_losses(self.losses),
            "label_smoothing": self.label_smoothing,
            "class_weights": self.class_weights and self.class_weights.value,
            "sampling": self.sampling and self.sampling.value,
            "target_weights": read_assignments(self.target_weights, "--target-weight") or None,
            "weighting": self.weighting and self.weighting.value,
        }
