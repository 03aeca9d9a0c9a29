"""A data set as a file of the run folder: which sample went where, line by line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from zoo.data.dataset import Dataset, Samples, make_samples, to_rows
from zoo.data.inspection import hash_file
from zoo.errors import DamagedFileError, DataError
from zoo.inputs.members import file_of
from zoo.storage import write_lines
from zoo.targets import Target


def write_splits(path: Path, dataset: Dataset) -> None:
    """Write a line for the root, then one a sample: split, file, sha256 and truth."""
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
    files, digests = [], []
    cells: dict[str, list[Any]] = {target.name: [] for target in targets}
    for row in rows:
        files.append(row["file"])
        digests.append(row.get("sha256", ""))
        for name, column in cells.items():
            column.append(row["truth"][name])
    truths = {target.name: target.encode(cells[target.name]) for target in targets}
    return make_samples(root, files, truths, digests)


def require_unchanged(samples: Samples) -> None:
    """Make sure that files are what they were when the run was made.

    Of files that nobody hashed, that they are there.

    Raises:
        DataError: Some are gone or differ; up to ten are named.
    """
    problems = []
    for index, digest in enumerate(samples.digests):
        path = samples.path(index)
        if problem := _find_change(path, digest):
            problems.append(f"  {path}: {problem}")
    if problems:
        more = f"\n  … and {len(problems) - 10} more" if len(problems) > 10 else ""
        raise DataError(
            "the data is not what the run was made with:\n" + "\n".join(problems[:10]) + more,
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
