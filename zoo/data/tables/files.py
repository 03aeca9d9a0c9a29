"""The files that a column names: are they there, can they be decoded, and what are their bytes?"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from zoo.data.columns import Text
from zoo.data.inspection import MOST_FILES, inspect_files
from zoo.data.tables.cells import Cells, distinct_cells
from zoo.errors import DataError
from zoo.inputs.members import file_of

_FEW = 100
"""So many files of one folder are looked for one by one; of more, the folder is listed."""
_BLOCK = 10_000
"""Names handled at a time."""
_DETOUR = re.compile(r"\./|//|^/|^\w:/")
"""What makes one file's name possible in several ways."""
_SHOWN = 10
"""So many problems are named; all are counted."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NamedFiles:
    """The files of a column; each is there once, unless they are many."""

    root: Path
    """What relative names start from."""
    names: NDArray[Any]
    """`Text` [files]; as `Samples.files` has them. The first stands for a missing cell."""
    digests: NDArray[Any]
    """`Text` [files]; sha256, or empty where nobody looked."""
    index: NDArray[np.int32]
    """[N]; which file a row names."""
    problems: dict[int, str]
    """Why a file cannot be used, by its position."""

    @property
    def bad_rows(self) -> NDArray[np.bool_]:
        """Whether a row's image cannot be used; [N]."""
        bad = np.zeros(len(self.names), dtype=bool)
        bad[list(self.problems)] = True
        return bad[self.index]

    @property
    def reasons(self) -> dict[str, str]:
        """Why files cannot be used, by their names."""
        return {str(self.names[at]): why for at, why in self.problems.items() if self.names[at]}

    @property
    def complaints(self) -> list[str]:
        """The first problems, and how many there are beside them."""
        shown = sorted(self.problems.items())[:_SHOWN]
        lines = [f"{self.names[at] or 'an empty cell'}: {why}" for at, why in shown]
        more = len(self.problems) - len(shown)
        return [*lines, f"and {more} more"] if more else lines


def find_files(column: pa.ChunkedArray, folder: Path, root: Path) -> NamedFiles:
    """Look whether the files are there.

    Args:
        column: Names them.
        folder: Where relative names start; that of the table.
        root: Where they shall start; files of another folder get absolute names.

    Raises:
        DataError: The column does not hold file names.
    """
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        raise DataError(
            f"the input column holds {column.type}, not the names of files",
            hint="choose the column with --input NAME",
        )
    cells = _distinct_files(column)
    found, index = cells.distinct, cells.index
    names = np.zeros(len(found) + 1, dtype=Text)
    for at in range(0, len(found), _BLOCK):
        block = found[at : at + _BLOCK].fill_null("").to_pylist()
        names[at + 1 : at + 1 + len(block)] = [_normal(name, folder, root) for name in block]
    problems = _find_missing(root, names)
    if (index == 0).any():
        problems[0] = "names no image"
    digests = np.zeros(len(names), dtype=Text)
    return NamedFiles(root=root, names=names, digests=digests, index=index, problems=problems)


def _distinct_files(column: pa.ChunkedArray) -> Cells:
    """Find the different files, or take each row for another where they are many.

    To number a million names takes more memory than all else.
    """
    hashes = np.empty(len(column), dtype=np.int64)
    for at in range(0, len(column), _BLOCK):
        block = column[at : at + _BLOCK].to_pylist()
        hashes[at : at + len(block)] = [hash(name) for name in block]
    if len(np.unique(hashes)) <= MOST_FILES:
        return distinct_cells(column)
    rows = np.arange(1, len(column) + 1, dtype=np.int32)
    return Cells(column, np.where(column.is_valid().to_numpy(), rows, 0).astype(np.int32))


def look_into(files: NamedFiles) -> NamedFiles:
    """Decode and hash the files that are there, unless they are too many."""
    if len(files.names) - len({0, *files.problems}) > MOST_FILES:
        return files
    there = [at for at in range(1, len(files.names)) if at not in files.problems]
    found = inspect_files([files.root / str(files.names[at]) for at in there])
    digests = files.digests.copy()
    digests[there] = np.array(found.digests, dtype=Text)
    bad = {there[at]: reason for at, reason in found.bad.items()}
    return replace(files, digests=digests, problems=files.problems | bad)


def _normal(name: str, folder: Path, root: Path) -> str:
    """Write one file's name in one way."""
    if "://" in name:
        raise DataError(
            f"the input column holds web addresses ({name})",
            hint="fetch the images first and name the files, relative to the table",
        )
    name = name.replace("\\", "/")
    if folder == root and not _DETOUR.search(name):
        return name
    # Twice the same file is twice the same name, whatever detours a table takes.
    full = os.path.normpath(folder / name).replace("\\", "/")
    return full.removeprefix(f"{root.as_posix()}/")


def _find_missing(root: Path, names: NDArray[Any]) -> dict[int, str]:
    """Say which files are not there, a folder at a time."""
    folders: dict[str, int] = {}
    members = np.empty(len(names), dtype=np.int32)
    for at, name in enumerate(names):
        members[at] = folders.setdefault(_container(name).rpartition("/")[0], len(folders))
    order = np.argsort(members, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(members))[:-1])
    problems: dict[int, str] = {}
    for folder, part in zip(folders, parts, strict=True):
        known = _list_files(root / folder) if len(part) > _FEW else frozenset[str]()
        for at in part.tolist():
            container = _container(str(names[at]))
            # What a listing lacks may still be there, in another case or another Unicode form.
            if container.rpartition("/")[2] not in known and not (root / container).is_file():
                problems[at] = "does not exist"
    return {at: why for at, why in problems.items() if names[at]}


def _container(name: str) -> str:
    return file_of(Path(name)).as_posix() if "::" in name else name


def _list_files(folder: Path) -> frozenset[str]:
    try:
        with os.scandir(folder) as entries:
            return frozenset(entry.name for entry in entries if entry.is_file())
    except OSError:
        return frozenset()
