"""`zoo pull`: a model from the Hugging Face Hub, checked, and proved again here."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import DeviceOption, Format, FormatOption

if TYPE_CHECKING:
    from zoo.hub.pull import Pulled


def pull(
    repo: Annotated[
        str,
        typer.Argument(
            metavar="ORG/NAME[@REVISION]",
            help="A model that zoo pushed, or an image classifier of timm's or transformers'.",
        ),
    ],
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="The folder to make. [NAME]")
    ] = None,
    device: DeviceOption = "auto",
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Fetch a model from the Hub, check every file, and replay its golden answers here.

    Exits 3 if the ONNX file answers otherwise than the trained model did.
    """
    from cli import hub, render
    from zoo.hub.names import parse_reference
    from zoo.hub.pull import pull as fetch
    from zoo.registry.lock import Lock

    reference = parse_reference(repo)
    folder = to or Path(reference.repo.split("/")[1])
    render.note(f"pulling {reference}")
    pulled = fetch(reference, folder, Lock.default())
    if fmt is Format.JSON:
        _print_json(pulled, device)
        return
    hub.print_pulled(pulled)
    if missing := _find_missing(pulled):
        render.note(missing)
        return
    from cli.replaying import print_replay

    render.print_line()
    print_replay(folder, device, "what was pulled has no images", fmt)


def _find_missing(pulled: Pulled) -> str:
    """Say why nothing can be replayed; empty if it can."""
    from zoo.hub.proof import ONNX
    from zoo.model_files import GOLDEN

    if pulled.adopted:
        return f"next: zoo evaluate {pulled.folder} DATA, or zoo finetune {pulled.folder} DATA"
    gone = [name for name in (ONNX, GOLDEN) if name not in pulled.files]
    return f"nothing was replayed: there is no {' and no '.join(gone)}" if gone else ""


def _print_json(pulled: Pulled, device: str) -> None:
    from cli import hub, render

    told: dict[str, Any] = hub.describe_pulled(pulled)
    if missing := _find_missing(pulled):
        render.print_json(told | {"replay": None, "note": missing})
        return
    from pydantic_core import to_json

    from export.replay import replay_model

    found = replay_model(pulled.folder, device)
    # JSON knows neither NaN nor infinity.
    replay = json.loads(to_json(asdict(found), inf_nan_mode="null"))
    render.print_json(told | {"replay": replay, "note": ""})
    found.raise_if_failed()
