"""How a run trains: what the recipe says of its phases and its head, said otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from cli.changes import read_stages, read_widths, require_positive
from cli.choices import BatchNormChoice, ScheduleChoice, list_words, read_word

_PANEL = "Method"


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodOptions:
    """Options of gradient descent and of the head."""

    epochs: Annotated[
        int | None,
        typer.Option(
            min=1, help="Epochs of the last gradient-descent phase.", rich_help_panel=_PANEL
        ),
    ] = None
    max_steps: Annotated[
        int | None, typer.Option(min=1, help="Steps after which it ends.", rich_help_panel=_PANEL)
    ] = None
    lr: Annotated[
        float | None,
        typer.Option(
            callback=require_positive,
            help="Peak learning rate of that phase.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    batch_size: Annotated[
        str | None,
        typer.Option(
            metavar="N|auto|auto:N",
            help="Images at a time; auto halves what does not fit into memory.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    accumulate: Annotated[
        int | None, typer.Option(min=1, help="Batches a step.", rich_help_panel=_PANEL)
    ] = None
    train: Annotated[
        str | None,
        typer.Option(
            metavar="head|all|top:N|freeze:N|STAGE,…",
            help="What trains; `zoo show BACKBONE` lists the stages.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    optimizer: Annotated[
        str | None,
        typer.Option(help="adamw, sgd, … or one of timm's.", rich_help_panel=_PANEL),
    ] = None
    momentum: Annotated[float | None, typer.Option(min=0, max=0.9999, rich_help_panel=_PANEL)] = (
        None
    )
    weight_decay: Annotated[float | None, typer.Option(min=0, rich_help_panel=_PANEL)] = None
    layer_decay: Annotated[
        float | None,
        typer.Option(
            min=1e-6,
            max=1,
            help="A stage's learning rate over that of the one above it.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    schedule: Annotated[
        ScheduleChoice | None,
        typer.Option(
            parser=read_word(ScheduleChoice),
            metavar=list_words(ScheduleChoice),
            rich_help_panel=_PANEL,
        ),
    ] = None
    warmup: Annotated[
        float | None,
        typer.Option(min=0, max=0.999, help="Part of the steps.", rich_help_panel=_PANEL),
    ] = None
    clip_norm: Annotated[
        float | None,
        typer.Option(
            callback=require_positive,
            help="Largest norm of the gradient.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    ema: Annotated[
        float | None,
        typer.Option(
            min=1e-6,
            max=0.999999,
            help="Keep a moving average of the weights, of this decay.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    patience: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="End after so many epochs without a lower validation loss, and keep the best.",
            rich_help_panel=_PANEL,
        ),
    ] = None
    batch_norm: Annotated[
        BatchNormChoice | None,
        typer.Option(
            parser=read_word(BatchNormChoice),
            metavar=list_words(BatchNormChoice),
            rich_help_panel=_PANEL,
        ),
    ] = None
    hidden: Annotated[
        str | None,
        typer.Option(
            metavar="N,…", help="Widths of ReLU layers in the head.", rich_help_panel=_PANEL
        ),
    ] = None
    dropout: Annotated[
        float | None,
        typer.Option(min=0, max=0.999, help="Within the head.", rich_help_panel=_PANEL),
    ] = None
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="Any other field of the recipe; docs/recipes.md lists them.",
            rich_help_panel=_PANEL,
        ),
    ] = None

    def to_changes(self) -> dict[str, Any]:
        """List the fields of the recipe that they change, None where one is left alone."""
        return {
            "max_steps": self.max_steps,
            "accumulate": self.accumulate,
            "train": read_stages(self.train),
            "optimizer": self.optimizer,
            "momentum": self.momentum,
            "weight_decay": self.weight_decay,
            "layer_decay": self.layer_decay,
            "schedule": self.schedule and self.schedule.value,
            "warmup": self.warmup,
            "clip_norm": self.clip_norm,
            "ema": self.ema,
            "patience": self.patience,
            "batch_norm": self.batch_norm and self.batch_norm.value,
            "hidden": read_widths(self.hidden),
            "dropout": self.dropout,
        }
