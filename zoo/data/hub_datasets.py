"""Data sets of the `datasets` library, from the Hub or a folder, as tables beside their images."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from zoo.data.folder import SPLIT_FOLDERS
from zoo.data.lay_out import lay_out
from zoo.errors import DataError, ZooError
from zoo.progress import Progress, Silence

if TYPE_CHECKING:
    from datasets import Dataset

_NAME = re.compile(r"hub:(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[^:@]+))?(:(?P<config>[^:@]+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class HubDataset:
    """Which data set of the Hub, and what of it."""

    repo: str
    """As `org/name`."""
    revision: str | None = None
    """A branch, tag or commit; the newest if left out."""
    config: str | None = None
    """One of several subsets that a repo may have."""


def parse_hub_dataset(text: str) -> HubDataset | None:
    """Read `hub:org/name[@revision][:config]`; None if it does not begin with `hub:`.

    Raises:
        DataError: It begins so and goes on otherwise.
    """
    if not text.startswith("hub:"):
        return None
    found = _NAME.fullmatch(text)
    if found is None:
        raise DataError(
            f"{text!r} names no data set", hint="write hub:org/name[@revision][:config]"
        )
    return HubDataset(**found.groupdict())


def is_saved_dataset(path: Path) -> bool:
    """Tell whether a folder is what `save_to_disk` writes, or holds Parquet files."""
    if (path / "dataset_dict.json").is_file() or (path / "state.json").is_file():
        return True
    return any(path.glob("*.parquet")) or any(path.glob("data/*.parquet"))


def fetch_dataset(
    source: HubDataset | Path, *, cache: Path | None = None, progress: Progress | None = None
) -> Path:
    """Lay the images of a data set out as files, once, beside a table that names them.

    Args:
        source: On the Hub, or a folder of which `is_saved_dataset` holds.
        cache: Where the files are kept; zoo's own cache by default.
        progress: Told about each image.

    Returns:
        The table, which `open_table` reads; splits are one of its columns.

    Raises:
        DataError: The `datasets` extra is missing, or there is no such data set.
        StorageError: The disk is full or read-only.
    """
    library = _import_library()
    with _quiet(library):
        parts = _by_split(_load(library, source))
    cache = cache or platformdirs.user_cache_path("zoo") / "datasets"
    return lay_out(parts, cache, progress or Silence())


def _import_library() -> Any:
    try:
        import datasets
    except ImportError as cause:
        raise DataError(
            "the `datasets` library is not installed",
            hint="install it with: pip install 'finezoo[datasets]'",
        ) from cause
    return datasets


@contextmanager
def _quiet(library: Any) -> Iterator[None]:
    """Keep the library's own progress bars off the terminal."""
    shown = not library.are_progress_bars_disabled()
    library.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            library.enable_progress_bars()


def _load(library: Any, source: HubDataset | Path) -> Any:
    try:
        if isinstance(source, HubDataset):
            return library.load_dataset(source.repo, source.config, revision=source.revision)
        if (source / "dataset_dict.json").is_file() or (source / "state.json").is_file():
            return library.load_from_disk(str(source))
        return library.load_dataset(str(source))
    except ZooError:
        raise
    except (OSError, ValueError, RuntimeError, library.exceptions.DatasetsError) as cause:
        name = source.repo if isinstance(source, HubDataset) else source
        raise DataError(
            f"the data set {name} cannot be loaded: {cause}",
            hint="check its name, subset and revision, and that it is public or you are logged in",
        ) from cause


def _by_split(loaded: Any) -> Mapping[str, Dataset]:
    """Keep the splits whose names are known; a data set in one piece trains."""
    if not isinstance(loaded, Mapping):
        return {"train": loaded}
    if len(loaded) == 1:
        return {"train": next(iter(loaded.values()))}
    known = {name: part for name, part in loaded.items() if name.lower() in SPLIT_FOLDERS}
    if "train" not in {SPLIT_FOLDERS[name.lower()] for name in known}:
        raise DataError(
            f"no split to train on among {', '.join(loaded)}",
            hint=f"known are {', '.join(SPLIT_FOLDERS)}",
        )
    return known
