"""`zoo list`: what the registry holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import Format, FormatOption

if TYPE_CHECKING:
    from zoo.registry import Backbone


def list_entries(
    contains: Annotated[str, typer.Argument(help="Keep names containing this text.")] = "",
    recipes: Annotated[bool, typer.Option("--recipes", help="List recipes instead.")] = False,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """List backbones, or recipes, by name."""
    from cli import render
    from zoo.registry import Backbone, load_registry, to_data

    registry = load_registry()
    entries = registry.recipes if recipes else registry.backbones
    chosen = [entry for name, entry in entries.items() if contains.lower() in name.lower()]
    if fmt is Format.JSON:
        render.print_json([to_data(entry) for entry in chosen])
        return
    if recipes:
        render.print_table(("recipe", "summary"), [(e.name, e.summary) for e in chosen])
        return
    render.print_table(
        ("backbone", "params", "GMACs", "px", "top-1", "weights", "licence"),
        [_row(entry) for entry in chosen if isinstance(entry, Backbone)],
        right=("params", "GMACs", "px", "top-1"),
    )


def _row(backbone: Backbone) -> tuple[str, ...]:
    top1 = [result.value for result in backbone.results if result.metric == "top1"]
    return (
        backbone.name,
        f"{backbone.num_params / 1e6:.1f} M",
        f"{backbone.macs / 1e9:.2f}",
        str(backbone.preprocess.size),
        f"{top1[0]:.1%}" if top1 else "–",
        backbone.weights.source,
        backbone.weights.license,
    )
