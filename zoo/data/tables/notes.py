"""What a user should know about the rows of a table, and which of them cannot be used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from zoo.data.dataset import Samples, SplitName
from zoo.data.inspection import MOST_FILES
from zoo.data.tables.rows import Rows
from zoo.errors import DataError
from zoo.targets import Target

_SHOWN = 10
"""So many names are listed; all are counted."""


def require_usable(parts: Sequence[Rows], *, skip_bad: bool) -> None:
    """Make sure that every image can be used, or may be left out.

    Raises:
        DataError: It cannot and may not; the first images are named, all are counted.
    """
    problems = sum(len(part.files.problems) for part in parts)
    if skip_bad or not problems:
        return
    total = sum(len(np.unique(part.files.index)) for part in parts)
    lines = [f"  {line}" for part in parts for line in part.files.complaints]
    folders = ", ".join(str(folder) for folder in dict.fromkeys(p.table.parent for p in parts))
    raise DataError(
        f"{problems} of {total} images cannot be used:\n" + "\n".join(lines),
        hint=f"file names start from {folders}; mend the table, or go on without these rows with "
        "--skip-bad",
    )


def note_files(parts: Sequence[Rows]) -> Iterator[str]:
    """Say which images were left out, and whether the others were looked at."""
    for part in parts:
        yield from (f"skipped {line}" for line in part.files.complaints)
        if (count := len(part.files.names) - 1) > MOST_FILES:
            yield (
                f"{count:,} images are too many to look at before training: they are there; "
                f"`zoo check {part.table.name}` decodes them all"
            )


def note_unknown(parts: Sequence[Rows], known: Sequence[NDArray[np.bool_]]) -> Iterator[str]:
    """Count the rows that have an image but no target."""
    for part, mask in zip(parts, known, strict=True):
        if count := int((~mask & ~part.files.bad_rows).sum()):
            yield f"{count:,} rows of {part.table.name} have no target and were left out"


def note_absent(splits: Mapping[SplitName, Samples], targets: Sequence[Target]) -> Iterator[str]:
    """Name the classes that train and are not measured."""
    for target in targets:
        if target.kind != "class":
            continue
        truths = splits["validation"].truths[target.name]
        counts = np.bincount(truths[truths >= 0], minlength=len(target.classes))
        absent = [name for name, count in zip(target.classes, counts, strict=True) if not count]
        if absent:
            more = f" and {len(absent) - _SHOWN} more" if len(absent) > _SHOWN else ""
            yield f"no validation sample is {', '.join(absent[:_SHOWN])}{more} ({target.name})"
