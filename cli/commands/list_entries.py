"""`zoo list`: what the registry holds, filtered and sorted."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import Format, FormatOption, RegistryOption

if TYPE_CHECKING:
    from zoo.registry import Backbone, Registry

_SUFFIXES = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000, "b": 1_000_000_000}


class Column(str, Enum):
    """What backbones can be sorted by."""

    NAME = "name"
    FAMILY = "family"
    PARAMS = "params"
    MACS = "macs"
    SIZE = "size"
    FEATURES = "features"
    TOP1 = "top1"
    SOURCE = "source"
    LICENSE = "license"
    TASK = "task"


class Cost(str, Enum):
    """What accuracy is weighed against."""

    MACS = "macs"
    PARAMS = "params"


def parse_count(text: str) -> int:
    """Read `25M` or `1.5G` as a number."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgb]?)", text.strip().lower())
    if match is None:
        raise typer.BadParameter(f"{text!r} is no number; write 25M, 1.5G or 4000000")
    return round(float(match[1]) * _SUFFIXES[match[2]])


def _count(flag: str, what: str) -> Any:
    return typer.Option(flag, parser=parse_count, metavar="N", help=what)


def list_entries(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT", help="Words in the name, summary, family or notes."),
    ] = None,
    recipes: Annotated[bool, typer.Option("--recipes", help="List recipes instead.")] = False,
    task: Annotated[
        str | None, typer.Option(help="image-classification or image-feature-extraction.")
    ] = None,
    family: Annotated[str | None, typer.Option(help="Such as resnet.")] = None,
    license_: Annotated[
        str | None,
        typer.Option(
            "--license",
            help="permissive, copyleft, non-commercial, custom, or an SPDX identifier.",
        ),
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="torchvision, hub, package, url, local or none.")
    ] = None,
    min_params: Annotated[int | None, _count("--min-params", "At least, such as 5M.")] = None,
    max_params: Annotated[int | None, _count("--max-params", "At most, such as 25M.")] = None,
    min_macs: Annotated[int | None, _count("--min-macs", "At least, such as 300M.")] = None,
    max_macs: Annotated[int | None, _count("--max-macs", "At most, such as 4.5G.")] = None,
    here: Annotated[
        bool, typer.Option("--here", help="Only what needs no download any more.")
    ] = False,
    sort: Annotated[Column | None, typer.Option(help="Sort by a column.")] = None,
    reverse: Annotated[bool, typer.Option("--reverse", help="Sort the other way round.")] = False,
    pareto: Annotated[
        bool,
        typer.Option("--pareto", help="Only what nothing beats in accuracy at its cost or less."),
    ] = False,
    cost: Annotated[Cost, typer.Option(help="What --pareto counts as cost.")] = Cost.MACS,
    plot: Annotated[
        Path | None, typer.Option(help="With --pareto: draw it into this .png or .svg.")
    ] = None,
    registry: RegistryOption = None,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """List backbones, or recipes.

    Accuracy is ImageNet-1k top-1 as published; `zoo show NAME` says where.
    """
    from cli import render
    from zoo.registry import load_registry, to_data
    from zoo.registry.search import Query, pareto_front, search, sort_by

    if plot is not None and (not pareto or plot.suffix.lower() not in (".png", ".svg")):
        raise typer.BadParameter("--plot FILE.png or FILE.svg draws what --pareto shows")
    text = " ".join(words or ())
    catalogue = load_registry(registry or ())
    if recipes:
        _list_recipes(catalogue, text, fmt)
        return
    query = Query(
        text=text,
        task=task,
        family=family,
        license=license_,
        source=source,
        min_params=min_params,
        max_params=max_params,
        min_macs=min_macs,
        max_macs=max_macs,
    )
    matching = search(catalogue.backbones.values(), query)
    if here:
        from zoo.backbones.sources import is_here

        matching = [entry for entry in matching if is_here(entry.weights)]
    chosen = pareto_front(matching, cost.value) if pareto else matching
    if sort is not None:
        chosen = sort_by(chosen, sort.value, reverse=reverse)
    elif reverse:
        chosen = chosen[::-1]
    if pareto and matching and not chosen:
        render.note("none of them has a published ImageNet top-1")
        return
    if plot is not None:
        from cli.pareto_plot import draw

        draw(plot, matching, cost.value)
    if fmt is Format.JSON:
        render.print_json([to_data(entry) for entry in chosen])
    elif chosen:
        render.print_table(
            ("backbone", "params", "GMACs", "px", "top-1", "weights", "licence"),
            [_row(entry) for entry in chosen],
            right=("params", "GMACs", "px", "top-1"),
            fold=False,
        )
    _comment(len(chosen), len(matching), len(catalogue.backbones), plot)


def _comment(chosen: int, matching: int, total: int, plot: Path | None) -> None:
    """Say on stderr how much was left out, and where the picture is."""
    from cli import render

    if not matching:
        render.note(f"none of {total} backbones matches; leave a filter out")
    elif chosen < matching:
        render.note(f"{chosen} of {matching} backbones are on the front")
    elif matching < total:
        render.note(f"{matching} of {total} backbones")
    if plot is not None:
        render.note(f"drawn in {plot}")


def _list_recipes(catalogue: Registry, text: str, fmt: Format) -> None:
    from cli import render
    from zoo.registry import to_data

    chosen = [
        recipe
        for recipe in catalogue.recipes.values()
        if text.lower() in f"{recipe.name} {recipe.summary}".lower()
    ]
    if fmt is Format.JSON:
        render.print_json([to_data(recipe) for recipe in chosen])
    else:
        rows = [
            (recipe.name, recipe.summary, shorten(recipe.reference, 20, placeholder=" …"))
            for recipe in chosen
        ]
        render.print_table(("recipe", "summary", "reference"), rows)


def _row(backbone: Backbone) -> tuple[str, ...]:
    weights = backbone.weights
    flag = "" if weights.terms == "permissive" or not weights.license else f" ({weights.terms})"
    return (
        backbone.name,
        f"{backbone.num_params / 1e6:.1f} M",
        f"{backbone.macs / 1e9:.2f}",
        str(backbone.preprocess.size),
        f"{backbone.top1:.1%}" if backbone.top1 is not None else "–",
        weights.source,
        f"{weights.license or 'your own'}{flag}",
    )
