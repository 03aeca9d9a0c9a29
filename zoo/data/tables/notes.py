"""What a user should know about the rows of a table, and which of them cannot be used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from zoo.data.check.findings import count_of
from zoo.data.inspection import MOST_FILES
from zoo.data.tables.rows import Rows
from zoo.errors import DataError


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
            were = "was" if count == 1 else "were"
            rows = count_of(count, "row")
            yield f"{rows} of {part.table.name} without a target {were} left out"
