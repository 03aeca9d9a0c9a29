"""The check that comes before training: quick, and strict about one thing."""

from __future__ import annotations

from zoo.data.check.check import check_dataset
from zoo.data.check.findings import Finding
from zoo.data.dataset import Dataset
from zoo.errors import DataError
from zoo.progress import Progress

_SHOWN = 5
"""Pairs that the error lists."""


def require_no_leaks(
    dataset: Dataset, *, allow_leaks: bool, progress: Progress | None = None
) -> list[str]:
    """Refuse identical images in two splits.

    Args:
        dataset: Opened without its bad files.
        allow_leaks: Make a note of them instead.
        progress: Hears of each image that is looked at.

    Returns:
        What else the quick check found, in words.

    Raises:
        DataError: The same image is in two splits, unless `allow_leaks`.
    """
    report = check_dataset(dataset, quick=True, progress=progress)
    leaks = report.of_kind("leaks")
    if leaks is not None and not allow_leaks:
        raise DataError(
            f"{leaks.text}:\n{_list_pairs(leaks)}",
            hint="a score on images that training saw says nothing: remove them from one split, "
            "or go on all the same with --allow-leaks",
        )
    return [_in_words(finding) for finding in report.findings]


def _list_pairs(leaks: Finding) -> str:
    lines = [
        f"  {group[0].file} ({group[0].split}) = {group[1].file} ({group[1].split})"
        for group in leaks.groups[:_SHOWN]
    ]
    if (more := leaks.count - len(lines)) > 0:
        lines.append(f"  and {more:,} more")
    return "\n".join(lines)


def _in_words(finding: Finding) -> str:
    example = " = ".join(map(str, finding.groups[0][:2])) if finding.groups else ""
    text = f"{finding.text}, such as {example}" if example else finding.text
    return f"{text}; {finding.hint}" if finding.hint else text
