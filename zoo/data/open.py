"""Labelled data of any kind, opened by what it is: a folder, a table, shards, a Hub data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.data.dataset import Dataset, Samples
from zoo.data.folder import open_folder, open_labelled_folder
from zoo.data.hub_datasets import fetch_dataset, is_saved_dataset, parse_hub_dataset
from zoo.data.shards import find_shards, read_shards
from zoo.data.tables.open import open_labelled_table, open_table
from zoo.data.tables.read import Table, is_table
from zoo.errors import DataError
from zoo.targets import ClassTarget, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSettings:
    """What a user may say about data."""

    val: Path | None = None
    """Separate data of the same kind to validate on."""
    val_split: float | None = None
    """Part that validates where the data has no such split; 0.2 by default."""
    input: str | None = None
    """The column of a table that names the images."""
    targets: tuple[str, ...] = ()
    """Its columns to be learnt, each as `[NAME=]COLUMN[+COLUMN][:KIND]`."""
    group: str | None = None
    """A column whose equal values stay on one side of a split."""
    accept_guess: bool = False
    """Take zoo's guess of the columns without a word."""
    skip_bad: bool = False
    """Go on without files that cannot be read."""
    allow_leaks: bool = False
    """Go on although the same image is in two splits."""
    keep_small: bool = False
    """Go on with classes of too few images to train or to hold one out, as a check of them does."""

    @property
    def of_tables(self) -> dict[str, object]:
        """What only a table can be asked for, and was."""
        asked = {"--input": self.input, "--target": self.targets, "--group": self.group}
        return {flag: value for flag, value in asked.items() if value}


def open_dataset(source: Path, settings: DataSettings | None = None, *, seed: int = 0) -> Dataset:
    """Open data to train on.

    Args:
        source: A folder with one sub-folder a class, a table, tar shards (a folder of them or
            a pattern such as `{000..015}.tar`), a folder that `datasets` saved, or
            `hub:org/name[@revision][:config]`.
        settings: How it is to be read.
        seed: Chooses what validates, where the data does not say.

    Raises:
        DataError: It cannot be trained on; the message says what to do.
        UnreadableImagesError: Files that cannot be decoded, all of them, unless they are to be
            skipped.
    """
    settings = settings or DataSettings()
    part = 0.2 if settings.val_split is None else settings.val_split
    if (table := _find_table(source)) is not None:
        return open_table(
            table,
            input_column=settings.input,
            targets=settings.targets,
            val=settings.val and (_find_table(settings.val) or settings.val),
            val_split=part,
            group=settings.group,
            seed=seed,
            skip_bad=settings.skip_bad,
            accept_guess=settings.accept_guess,
            keep_small=settings.keep_small,
        )
    _require_no_columns(source, settings)
    return open_folder(
        source,
        val=settings.val,
        val_split=part,
        seed=seed,
        skip_bad=settings.skip_bad,
        keep_small=settings.keep_small,
    )


def open_labelled(
    source: Path, targets: Sequence[Target], settings: DataSettings | None = None
) -> Samples:
    """Open data to measure a model of known targets on.

    Args:
        source: A folder with one sub-folder a class, or a table with the targets' columns.
        targets: What the model answers.
        settings: How it is to be read.

    Raises:
        DataError: It does not hold these targets, or has classes that the model does not know.
        UnreadableImagesError: Files that cannot be decoded, all of them, unless they are to be
            skipped.
    """
    settings = settings or DataSettings()
    if (table := _find_table(source)) is not None:
        return open_labelled_table(
            table,
            targets,
            input_column=settings.input,
            columns=settings.targets,
            skip_bad=settings.skip_bad,
        )
    _require_no_columns(source, settings)
    target = targets[0]
    if len(targets) > 1 or not isinstance(target, ClassTarget):
        raise DataError(
            f"{source} is no table, and the model answers "
            f"{', '.join(f'{t.name} ({t.kind})' for t in targets)}",
            hint="give a table with these columns",
        )
    return open_labelled_folder(source, target, skip_bad=settings.skip_bad)


def _find_table(source: Path) -> Path | Table | None:
    """Find the table in whatever holds one; None if it is a folder of classes."""
    if is_table(source):
        return source
    if (named := parse_hub_dataset(str(source))) is not None:
        return fetch_dataset(named)
    if _holds_shards(source) and (shards := find_shards(source)):
        return read_shards(shards)
    if source.is_dir() and is_saved_dataset(source):
        return fetch_dataset(source)
    return None


def _holds_shards(source: Path) -> bool:
    """Tell whether archives are what a folder is made of, or what a name means."""
    if not source.is_dir():
        return source.suffix == ".tar"
    return any(source.glob("*.tar")) or any(source.glob("*/*.tar"))


def _require_no_columns(source: Path, settings: DataSettings) -> None:
    """Refuse to look for columns in a folder."""
    if settings.of_tables:
        raise DataError(
            f"{source} is no table, and {', '.join(settings.of_tables)} is for tables",
            hint="leave it out, or give a .csv, .tsv, .jsonl or .parquet file",
        )
