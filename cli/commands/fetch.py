"""`zoo fetch`: weights onto this machine, before they are needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import Format, FormatOption, RegistryOption

if TYPE_CHECKING:
    from zoo.backbones.sources import Fetched


def fetch(
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME…", help="Backbones, as `zoo finetune` takes them."),
    ],
    registry: RegistryOption = None,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Fetch pretrained weights and check them, for work without a network.

    They go to the usual caches (HF_HOME, TORCH_HOME), which can be carried to another machine.
    """
    from cli import render
    from cli.progress import TerminalProgress
    from zoo.backbones.find import find_backbone
    from zoo.backbones.sources import fetch_weights, is_here
    from zoo.errors import RegistryError, WeightsError, ZooError
    from zoo.registry import Lock, load_registry

    catalogue, lock = load_registry(registry or ()), Lock.default()
    done: list[tuple[str, Fetched]] = []
    failed: list[ZooError] = []
    with TerminalProgress() as progress:
        for name in names:
            try:
                backbone = find_backbone(name, catalogue).backbone
            except (RegistryError, WeightsError) as error:
                failed.append(error)
                progress.note(f"{name}: {error.problem}; {error.hint}")
                continue
            if backbone.weights.source == "none":
                progress.note(f"{backbone.name} has random weights; there is nothing to fetch")
                continue
            if not is_here(backbone.weights, lock):
                progress.note(f"fetching {backbone.name}")
            try:
                fetched = fetch_weights(backbone.weights, lock)
            except WeightsError as error:
                failed.append(error)
                progress.note(f"{backbone.name}: {error.problem}")
                continue
            if fetched.newly_locked:
                progress.note(f"{backbone.name}: sha256 recorded in {lock.path}")
            done.append((backbone.name, fetched))
    if fmt is Format.JSON:
        render.print_json([_to_data(name, fetched) for name, fetched in done])
    elif done:
        render.print_table(
            ("backbone", "MB", "sha256", "file"),
            [
                (name, f"{(f.weights.bytes or 0) / 1e6:.1f}", f"{f.weights.sha256}", str(f.path))
                for name, f in done
            ],
            right=("MB",),
        )
    if failed:
        raise WeightsError(f"{len(failed)} of {len(names)} not fetched", hint=failed[0].hint)


def _to_data(name: str, fetched: Fetched) -> dict[str, Any]:
    weights = fetched.weights
    return {
        "backbone": name,
        "path": str(fetched.path),
        "bytes": weights.bytes,
        "sha256": weights.sha256,
        "revision": weights.revision,
        "newly_locked": fetched.newly_locked,
    }
