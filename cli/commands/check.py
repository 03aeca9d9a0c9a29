"""`zoo check`: what is wrong with labelled data, before anything is trained on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.data_options import DataOptions
from cli.grouped import grouped
from cli.options import Format, FormatOption

if TYPE_CHECKING:
    from zoo.data.check import Finding, FoundFile, Report, Severity, Summary

_EXAMPLES = 3
"""Groups of files shown of a finding, and files shown of a group."""
_WIDE = 86
"""Characters of a line that fit beside the severity in a terminal of 100."""
_STYLES: Mapping[Severity, str] = {"spoils": "bold red", "warning": "yellow", "note": "dim"}
"""How a severity looks."""


@grouped
def check(
    *,
    data: Annotated[Path, typer.Argument(help="A folder with one sub-folder a class, or a table.")],
    near: Annotated[
        bool, typer.Option("--near/--no-near", help="Look for near duplicates, too.")
    ] = True,
    img_size: Annotated[
        int, typer.Option(min=1, help="Height and width that the network will see, pixels.")
    ] = 224,
    output: Annotated[
        Path | None, typer.Option(help="Write everything found, every file named, as JSON.")
    ] = None,
    table: DataOptions,
    seed: Annotated[
        int, typer.Option(help="The one that training will have: it chooses what validates.")
    ] = 0,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Look for what would spoil a result: bad files, leaks, wrong labels, odd images.

    Ends with exit code 1 if there is any of it; warnings and notes leave it 0.
    """
    from cli import render
    from cli.progress import TerminalProgress
    from zoo.data.check import check_dataset
    from zoo.data.open import open_dataset
    from zoo.storage import write_json

    with TerminalProgress() as progress:
        settings = replace(table.to_settings(skip_bad=True), keep_small=True)
        dataset = open_dataset(data, settings, seed=seed)
        report = check_dataset(dataset, near=near, img_size=img_size, progress=progress)
    if output is not None:
        write_json(output, report.to_json())
    if fmt is Format.JSON:
        render.print_json(report.to_json())
    else:
        _print_report(report)
    _conclude(report)


def _print_report(report: Report) -> None:
    from cli import render
    from zoo.data.check import SEVERITIES

    render.print_facts(_describe(report.summary))
    for finding in report.findings:
        render.print_line()
        # As wide as the longest, so that all texts begin below each other.
        name = f"{finding.severity:<{max(map(len, SEVERITIES))}}"
        render.print_facts([(name, "\n".join(_lines(finding)))], style=_STYLES[finding.severity])


def _conclude(report: Report) -> None:
    """Say what it comes to, and end with exit code 1 if results would be spoilt."""
    from cli import render
    from zoo.data.check import count_of

    counts = Counter(finding.severity for finding in report.findings)
    rest = f"{count_of(counts['warning'], 'warning')}, {count_of(counts['note'], 'note')}"
    if report.spoils:
        render.note(f"{counts['spoils']} of these would spoil a result; {rest}")
        raise typer.Exit(1)
    render.note(f"nothing that would spoil a result; {rest}")


def _describe(summary: Summary) -> Iterator[tuple[str, str]]:
    yield "images", ", ".join(f"{count:,} {split}" for split, count in summary.images.items())
    for name, what in summary.targets.items():
        yield name, what + _show_classes(summary.classes.get(name, {}).items())
    if sizes := summary.sizes:
        shown = zip(
            ("smallest", "median", "largest"),
            (sizes.smallest, sizes.median, sizes.largest),
            strict=True,
        )
        yield "sizes", ", ".join(f"{name} {width} x {height}" for name, (width, height) in shown)
    for name, counts in (("modes", summary.modes), ("formats", summary.formats)):
        if counts:
            yield name, ", ".join(f"{count:,} {key}" for key, count in counts.items())


def _show_classes(counts: Iterable[tuple[str, int]], most: int = 12) -> str:
    """Name classes with their training images, the largest first."""
    ranked = sorted(counts, key=lambda pair: -pair[1])
    shown = ", ".join(f"{name} {count:,}" for name, count in ranked[:most])
    more = f" and {len(ranked) - most} more" if len(ranked) > most else ""
    return f": {shown}{more}" if shown else ""


def _lines(finding: Finding) -> Iterator[str]:
    yield finding.text
    if finding.hint:
        yield finding.hint
    for group in finding.groups[:_EXAMPLES]:
        yield from _show_group(group)
    if finding.groups and (more := finding.count - _EXAMPLES) > 0:
        yield f"  and {more:,} more"


def _show_group(group: tuple[FoundFile, ...]) -> Iterator[str]:
    """Name the files of a group in one line, or in one each where that is too wide."""
    names = list(map(str, group[:_EXAMPLES]))
    if (more := len(group) - _EXAMPLES) > 0:
        names.append(f"{more:,} more")
    line = " = ".join(names)
    if len(line) <= _WIDE:
        yield f"  {line}"
        return
    yield f"  {names[0]}"
    yield from (f"  = {name}" for name in names[1:])
