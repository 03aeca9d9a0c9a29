"""Keeping what is written apart from the data that it is made of."""

from __future__ import annotations

import os
from pathlib import Path

from zoo.errors import DataError

_MARKS = ("run.json", "zoo_config.json")
"""Files that tell a run folder and a model folder from a class."""


def is_output(folder: Path) -> bool:
    """Tell whether a folder is a run or a model folder, or holds nothing else."""
    if any((folder / mark).is_file() for mark in _MARKS):
        return True
    found = False
    # A class of a million images is not listed: its first file decides.
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if not (entry.is_dir() and is_output(Path(entry.path))):
                return False
            found = True
    return found


def require_apart(output: Path, data: Path | None) -> None:
    """Make sure that an output does not lie in a folder of data; beside a table it may.

    Raises:
        DataError: It does, and would be read as a part of the data from then on.
    """
    if data is None or not data.expanduser().is_dir():
        return
    folder, place = data.expanduser().resolve(), output.expanduser().resolve()
    if place.is_relative_to(folder):
        raise DataError(
            f"{place} lies in the data, {folder}, into which nothing is written",
            hint="name a place in another folder with --output, such as "
            f"{folder.parent / 'runs' / place.name}",
        )
