"""What a check found: findings by severity, and the report that holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from zoo.data.check.summary import Summary

Severity = Literal["spoils", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("spoils", "warning", "note")
"""The worst first. `spoils`: a result measured on this data would not mean what it says."""

MOST_GROUPS = 10_000
"""Groups of files that a finding lists; of more, only how many there are."""
MOST_PLACES = 100
"""Files that it names of one group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """One file in a finding."""

    file: str
    """As the data names it: relative to its root, or absolute."""
    split: str = ""
    """Empty for a file that is in no split."""
    remark: str = ""
    """What it is about this file: its truth, its size, the reason why it cannot be read."""

    def __str__(self) -> str:
        """The file, and its remark in brackets."""
        return f"{self.file} ({self.remark})" if self.remark else self.file


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to know about a data set, and the files that it is about."""

    kind: str
    """A stable name, such as `leaks` or `tiny`."""
    severity: Severity
    count: int
    """How many images, groups, classes or files `text` speaks of."""
    text: str
    """What was found, in a sentence that begins with the count."""
    hint: str = ""
    """What to do about it; empty where nothing has to be done."""
    groups: tuple[tuple[FoundFile, ...], ...] = ()
    """The files, those that belong together in one group; at most `MOST_GROUPS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What is in a data set, and everything that was found about it."""

    summary: Summary
    findings: tuple[Finding, ...]
    """The worst first."""

    @property
    def spoils(self) -> bool:
        """Whether any finding makes results on this data meaningless."""
        return any(finding.severity == "spoils" for finding in self.findings)

    def of_kind(self, kind: str) -> Finding | None:
        """The finding of this kind, or nothing."""
        return next((finding for finding in self.findings if finding.kind == kind), None)

    def to_json(self) -> Mapping[str, Any]:
        """All of it as JSON holds it."""
        return {"spoils": self.spoils, **asdict(self)}


def sort_findings(findings: list[Finding]) -> tuple[Finding, ...]:
    """Put the worst first; those of one severity stay in their order."""
    return tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)))


def count_of(number: int, noun: str, plural: str = "") -> str:
    """Write a number and what it counts, such as '1 image' and '1,200 images'."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
