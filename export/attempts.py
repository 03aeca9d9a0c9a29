"""Both exporters tried in turn: what passes verification is kept, and why not the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

from export.exporters import EXPORTERS, Exporter
from export.graph import Graph
from zoo.errors import ExportError, VerificationError, ZooError

Choice = Literal["auto", "dynamo", "torchscript"]
"""What `--exporter` may be: one of the two, or whichever passes."""


class Judged(Protocol):
    """A verification: a verdict, and the reasons for it."""

    @property
    def verdict(self) -> str:
        """`pass` or `fail`."""

    def raise_if_failed(self) -> None:
        """Raise a VerificationError that says what is wrong."""


@dataclass(frozen=True, slots=True)
class Unjudged:
    """What stands for a verification where none is made."""

    verdict: Literal["none"] = "none"

    def raise_if_failed(self) -> None:
        """Let any graph pass that could be exported."""


Report = TypeVar("Report", bound=Judged)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What became of one exporter."""

    exporter: Exporter
    outcome: Literal["kept", "failed", "refused"]
    """`refused` by the exporter itself; `failed` in verification."""
    reason: str | None
    """Why it was dropped, where it was."""
    seconds: float
    """Of export and verification."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exported(Generic[Report]):
    """What an export came to."""

    graph: Graph
    """What passed or, where nothing did, the first that could be judged."""
    report: Report
    """The verification of that graph."""
    attempts: tuple[Attempt, ...]
    """In the order of trying; those behind the one that passed were not made."""

    @property
    def passed(self) -> bool:
        """Whether there is a graph to keep."""
        return self.report.verdict == "pass"


def exporters_for(choice: Choice) -> tuple[Exporter, ...]:
    """Turn what was asked for into what to try, in order."""
    return EXPORTERS if choice == "auto" else (choice,)


def export_first_that_passes(
    exporters: Sequence[Exporter],
    export: Callable[[Exporter], Graph],
    verify: Callable[[Graph], Report],
) -> Exported[Report]:
    """Export by one exporter after the other, until a graph passes verification.

    Args:
        exporters: What to try, in order; at least one.
        export: Exports by one of them; an ExportError is a refusal.
        verify: Judges a graph; a VerificationError says that it is no model at all.

    Raises:
        ExportError: Every exporter refuses the network; the message has all reasons.
        VerificationError: What was exported is no model that ONNX Runtime opens.
    """
    attempts: list[Attempt] = []
    first: tuple[Graph, Report] | None = None
    problems: list[ZooError] = []
    for exporter in exporters:
        began = time.perf_counter()
        try:
            graph = export(exporter)
            report = verify(graph)
            first = first or (graph, report)
            report.raise_if_failed()
        except (ExportError, VerificationError) as error:
            problems.append(error)
            outcome: Literal["failed", "refused"] = (
                "refused" if isinstance(error, ExportError) else "failed"
            )
            attempts.append(_end(exporter, outcome, error.problem, began))
        else:
            attempts.append(_end(exporter, "kept", None, began))
            return Exported(graph=graph, report=report, attempts=tuple(attempts))
    if first is None:
        raise _join(problems)
    return Exported(graph=first[0], report=first[1], attempts=tuple(attempts))


def _end(
    exporter: Exporter,
    outcome: Literal["kept", "failed", "refused"],
    reason: str | None,
    began: float,
) -> Attempt:
    seconds = time.perf_counter() - began
    return Attempt(exporter=exporter, outcome=outcome, reason=reason, seconds=round(seconds, 3))


def _join(problems: Sequence[ZooError]) -> ZooError:
    """Say all that went wrong in one error, of the gravest kind."""
    if len(problems) == 1:
        return problems[0]
    kind = next((type(p) for p in problems if isinstance(p, VerificationError)), ExportError)
    return kind("\n".join(p.problem for p in problems), hint=problems[0].hint)
