"""`zoo cache`: the decoded images that are kept on this machine."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import CacheDirOption, Format, FormatOption

if TYPE_CHECKING:
    from zoo.data.pixels import StoreFacts


def cache(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME…", help="With --clear: which to delete. [all]"),
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Delete stores.")] = False,
    cache_dir: CacheDirOption = None,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """List or delete the pixel cache: images that were decoded once and need not be again.

    Deleting costs the next run the time to decode; no result depends on it.
    """
    from zoo.data.pixels import default_folder

    folder = cache_dir or default_folder()
    if clear:
        _clear(folder, names or [], fmt)
    elif names:
        raise typer.BadParameter("names say which stores to delete: add --clear")
    else:
        _list(folder, fmt)


def _list(folder: Path, fmt: Format) -> None:
    from cli import render
    from zoo.data.pixels import list_stores

    stores = list_stores(folder)
    total = sum(store.bytes for store in stores)
    if fmt is Format.JSON:
        listed = [_to_data(store) for store in stores]
        render.print_json({"folder": str(folder), "bytes": total, "stores": listed})
        return
    if stores:
        render.print_table(
            ("store", "images", "px", "MB", "last used", "data"),
            [_row(store) for store in stores],
            right=("images", "px", "MB"),
        )
    render.note(f"{_count(len(stores))}, {total / 1e6:,.1f} MB in {folder}")


def _clear(folder: Path, names: list[str], fmt: Format) -> None:
    from cli import render
    from zoo.data.pixels import list_stores, remove_stores

    before = {store.name: store for store in list_stores(folder)}
    removed = remove_stores(folder, names)
    if busy := set(names or before) - set(removed):
        render.note(f"in use by a run at this moment, so these stay: {', '.join(sorted(busy))}")
    freed = sum(before[name].bytes for name in removed)
    if fmt is Format.JSON:
        render.print_json({"folder": str(folder), "bytes": freed, "removed": list(removed)})
    else:
        render.print_line(f"{_count(len(removed))} deleted, {freed / 1e6:,.1f} MB freed")


def _count(stores: int) -> str:
    return f"{stores} store{'' if stores == 1 else 's'}"


def _row(store: StoreFacts) -> tuple[str, ...]:
    return (
        store.name,
        f"{store.images:,}",
        str(store.side),
        f"{store.bytes / 1e6:,.1f}",
        f"{store.last_used.astimezone():%Y-%m-%d %H:%M}",
        store.root,
    )


def _to_data(store: StoreFacts) -> dict[str, Any]:
    return {**asdict(store), "last_used": store.last_used.isoformat(timespec="seconds")}
