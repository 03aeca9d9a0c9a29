"""Files that are in no split: those that cannot be read, and those that are no images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from zoo.data.check.findings import MOST_GROUPS, Finding, FoundFile, count_of
from zoo.data.dataset import Dataset


def check_files(dataset: Dataset, unread: Sequence[FoundFile]) -> Iterator[Finding]:
    """Yield what was left out.

    Args:
        dataset: Says what opening it left out.
        unread: Further files that cannot be decoded, each with the reason.
    """
    skipped = [FoundFile(file=file, remark=reason) for file, reason in dataset.skipped.items()]
    if bad := [*skipped, *unread]:
        yield Finding(
            kind="unreadable",
            severity="spoils",
            count=len(bad),
            text=f"{count_of(len(bad), 'file')} that cannot be read as an image",
            hint="repair or remove them; training goes on without them with --skip-bad",
            groups=tuple((place,) for place in bad[:MOST_GROUPS]),
        )
    if ignored := dataset.ignored:
        yield Finding(
            kind="ignored",
            severity="note",
            count=len(ignored),
            text=f"{count_of(len(ignored), 'file')} skipped, no "
            f"{'image by its name' if len(ignored) == 1 else 'images by their names'}",
            groups=tuple((FoundFile(file=file),) for file in ignored[:MOST_GROUPS]),
        )
