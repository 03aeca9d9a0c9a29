"""`zoo register`: a fine-tuned model becomes a backbone of one's own registry."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.options import ModelArgument


def register(
    model: ModelArgument,
    name: Annotated[str, typer.Option(help="What to call it from now on.")],
    registry: Annotated[
        Path | None, typer.Option(help="The file to write. [zoo.registry.json]")
    ] = None,
    user: Annotated[
        bool, typer.Option("--user", help="Write your own registry, for all projects.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an entry of that name.")
    ] = False,
) -> None:
    """Add a fine-tuned model to a registry, so that the next run can start from it."""
    from cli import render
    from zoo.backbones.register import register as add
    from zoo.registry.files import project_path, user_path

    if user and registry is not None:
        raise typer.BadParameter("give --user or --registry, not both")
    if registry is not None and str(registry).startswith(("hub:", "http")):
        raise typer.BadParameter("a registry elsewhere cannot be written; give a file")
    path = registry or (user_path() if user else project_path())
    entry = add(model, name, path, overwrite=overwrite)
    beyond = f" --registry {path}" if registry is not None else ""
    render.print_facts(
        [
            ("registered", f"{entry.name} in {path}"),
            ("weights", f"{entry.weights.location}, sha256 {(entry.weights.sha256 or '')[:16]}…"),
            ("from", " ← ".join(entry.weights.base) or "random weights"),
            ("licence", entry.weights.license or "your own"),
            ("next", f"zoo finetune {entry.name} DATA{beyond}"),
        ]
    )
