"""`zoo registry`: somebody's own registry file, checked and described."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Check a registry file of your own.", no_args_is_help=True)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="The registry file.")],
    rebuild: Annotated[
        bool,
        typer.Option(
            "--rebuild/--no-rebuild",
            help="Build every network, without its weights, and recompute what is claimed of it.",
        ),
    ] = True,
) -> None:
    """Report every mistake in a registry file, with its JSON path."""
    from cli import render
    from zoo.backbones.check import check_file
    from zoo.errors import BrokenRegistryError
    from zoo.registry.files import read_document

    if mistakes := check_file(file, rebuild=rebuild):
        raise BrokenRegistryError(str(file), mistakes)
    document = read_document(file)
    parts = {
        "backbone": len(document.backbones),
        "recipe": len(document.recipes),
        "change": len(document.changes),
    }
    counts = [f"{n} {what}{'s' if n > 1 else ''}" for what, n in parts.items() if n]
    rebuilt = rebuild and (document.backbones or document.changes)
    how = "networks rebuilt and measured" if rebuilt else "layout and references"
    render.print_line(f"{file} is right: {', '.join(counts) or 'empty'} ({how})")


@app.command()
def schema() -> None:
    """Print the JSON schema of registry files, for editors."""
    from cli import render
    from zoo.registry.schema import generate, to_text

    render.print_line(to_text(generate()).rstrip())
