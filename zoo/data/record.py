"""A data set as a file of the run folder: which sample went where, line by line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.data.columns import Digests, Text, join_digests, number_digests
from zoo.data.dataset import Dataset, Samples, to_rows
from zoo.data.inspection import hash_file
from zoo.errors import DamagedFileError, DataError
from zoo.inputs.members import file_of
from zoo.storage import write_lines
from zoo.targets import Target, ValueTarget

_BLOCK = 10_000
"""Lines that are Python's objects at a time."""
_SHOWN = 10
"""So many changed files are named; all are counted."""


def write_splits(path: Path, dataset: Dataset) -> None:
    """Write a line for the root, then one a sample: split, file, sha256, group and truth."""
    write_lines(path, _lines(dataset))


def _lines(dataset: Dataset) -> Iterator[str]:
    yield json.dumps({"format": 2, "root": str(dataset.root)}, ensure_ascii=False)
    for split, samples in dataset.splits.items():
        for row in to_rows(samples, dataset.targets):
            yield json.dumps({"split": split, **row}, ensure_ascii=False)


def read_splits(path: Path, targets: Sequence[Target]) -> Dataset:
    """Read a data set as a run recorded it; no image is opened.

    Raises:
        DamagedFileError: The file is not what was written.
    """
    if not path.exists():
        raise DamagedFileError(path, "missing")
    try:
        with path.open(encoding="utf-8") as file:
            root = Path(json.loads(next(file))["root"])
            rows = (json.loads(line) for line in file)
            splits = {
                split: _read_samples(root, members, targets)
                for split, members in groupby(rows, key=lambda row: row["split"])
            }
    except KeyError as cause:
        raise DamagedFileError(path, f"a line has no {cause}") from cause
    except StopIteration as cause:
        raise DamagedFileError(path, "empty") from cause
    except DataError as cause:
        raise DamagedFileError(path, cause.problem) from cause
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError) as cause:
        raise DamagedFileError(path, f"not as it was written ({cause})") from cause
    return Dataset(root=root, targets=tuple(targets), splits=splits)


def _read_samples(root: Path, rows: Iterator[Any], targets: Sequence[Target]) -> Samples:
    """Gather rows some at a time: a million of them as Python's objects would be gigabytes."""
    files: list[NDArray[Any]] = []
    digests: list[Digests] = []
    groups: list[NDArray[Any]] = []
    cells: dict[str, list[Any]] = {target.name: [] for target in targets}
    numbers = {target.name for target in targets if isinstance(target, ValueTarget)}
    known: dict[str, Any] = {}
    while block := list(islice(rows, _BLOCK)):
        files.append(np.array([row["file"] for row in block], dtype=Text))
        digests.append(number_digests([row.get("sha256", "") for row in block]))
        groups.append(np.array([row.get("group", "") for row in block], dtype=Text))
        for name, column in cells.items():
            said = (row["truth"][name] for row in block)
            column += said if name in numbers else (_share(cell, known) for cell in said)
    return Samples(
        root=root,
        files=np.concatenate(files),
        digests=join_digests(digests),
        truths={target.name: target.encode(cells[target.name]) for target in targets},
        groups=np.concatenate(groups) if any((part != "").any() for part in groups) else None,
    )


def _share(cell: Any, known: dict[str, Any]) -> Any:
    """Keep one of all names, and lists and objects of them, that say the same."""
    return None if cell is None else known.setdefault(repr(cell), cell)


def require_unchanged(samples: Samples) -> None:
    """Make sure that files are what they were when the run was made.

    Of files that nobody hashed, that they are there.

    Raises:
        DataError: Some are gone or differ; up to ten are named.
    """
    problems, count = [], 0
    # Of many rows of one file, the first is looked at.
    for row in np.sort(np.unique(samples.files, return_index=True)[1]):
        path = samples.path(row)
        if problem := _find_change(path, samples.digests[row]):
            count += 1
            problems += [f"  {path}: {problem}"] if count <= _SHOWN else []
    if problems:
        more = f"\n  … and {count - _SHOWN} more" if count > _SHOWN else ""
        raise DataError(
            "the data is not what the run was made with:\n" + "\n".join(problems) + more,
            hint="put the files back, or name labelled data to measure on",
        )


def _find_change(path: Path, digest: str) -> str:
    """Say what happened to a file since it had this digest, empty if nobody knows it."""
    if not file_of(path).exists():
        return "missing"
    try:
        return "changed" if digest and hash_file(path) != digest else ""
    except OSError as cause:
        return cause.strerror or str(cause)
