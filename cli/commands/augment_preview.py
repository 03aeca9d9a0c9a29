"""`zoo augment-preview`: what training will see, as a picture."""

from __future__ import annotations

from itertools import chain
from itertools import count as count_from
from pathlib import Path
from typing import Annotated

import typer

from cli.changes import read_assignments
from cli.data_options import DataOptions
from cli.grouped import grouped
from cli.options import RegistryOption, SkipBadOption


@grouped
def augment_preview(
    *,
    data: Annotated[Path, typer.Argument(help="A folder with one sub-folder a class, or a table.")],
    backbone: Annotated[
        str, typer.Option(help="Whose size and recipe it shows; no weights are fetched.")
    ] = "resnet50",
    recipe: Annotated[
        str | None,
        typer.Option(help="A name that `zoo list --recipes` shows. [the backbone's own]"),
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=100, help="Rows, an image each.")] = 8,
    times: Annotated[int, typer.Option(min=1, max=30, help="Columns, an epoch each.")] = 8,
    epoch: Annotated[int, typer.Option(min=1, help="The first epoch that is shown.")] = 1,
    output: Annotated[
        Path | None,
        typer.Option(help="The PNG to write. [augmentation.png, or with the next free number]"),
    ] = None,
    registry: RegistryOption = None,
    img_size: Annotated[
        int | None, typer.Option(min=1, help="Height and width that the network sees, pixels.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Where all randomness comes from.")] = None,
    limit_train: Annotated[
        int | None, typer.Option(min=1, help="Train on so many samples only.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="Another value of a field of the recipe, such as rotation=20.",
        ),
    ] = None,
    table: DataOptions,
    skip_bad: SkipBadOption = False,
) -> None:
    """Save a contact sheet of training images: as evaluation sees them, and augmented.

    `zoo finetune` with the same data, backbone, recipe and seed trains on these very pictures, in
    the epochs that its last descent has.
    """
    from io import BytesIO

    from cli import render
    from zoo.data.apart import require_apart
    from zoo.registry import load_registry
    from zoo.storage import write_bytes
    from zoo.training.plan import Settings
    from zoo.training.preview import preview_training

    place = _find_place(output)
    require_apart(place, data)
    settings = Settings(
        recipe=recipe,
        seed=seed,
        changes=read_assignments(changes),
        img_size=img_size,
        data=table.to_settings(skip_bad=skip_bad),
        limit_train=limit_train,
    )
    sheet = preview_training(
        backbone,
        data,
        settings,
        load_registry(registry or ()),
        count=count,
        epochs=range(epoch - 1, epoch - 1 + times),
    )
    content = BytesIO()
    sheet.save(content, format="PNG", optimize=True)
    write_bytes(place, content.getvalue())
    render.print_line(f"{place}: {sheet.width} x {sheet.height} px, what {backbone} would see")


def _find_place(output: Path | None) -> Path:
    """Take the file asked for if it is not there yet, or else the first free name."""
    if output is None:
        endings = chain([""], (f"-{at}" for at in count_from(2)))
        places = (Path(f"augmentation{ending}.png") for ending in endings)
        return next(place for place in places if not place.exists())
    if output.exists():
        raise typer.BadParameter(
            f"{output} exists, and nothing is overwritten", param_hint="--output"
        )
    return output
