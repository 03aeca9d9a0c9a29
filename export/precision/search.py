"""From a way to fewer bits to a file within the budget, if there is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from export.precision.blame import Sensitive
from export.precision.budget import excess_of
from export.precision.lowering import Lowering
from export.precision.report import Concession, TargetChange

_MOST_GIVEN_BACK = 0.5
"""Part of the nodes that may go back to float32: beyond, the file is one in fewer bits by name."""


Kept = tuple[str, ...]
"""Nodes that stay in float32."""


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """How a file compares with float32 on validation images."""

    targets: dict[str, TargetChange]
    finite: bool
    """Whether every answer is a number, to edge inputs too."""

    @property
    def passed(self) -> bool:
        """Whether it is within the budget."""
        return self.finite and all(t.verdict == "kept" for t in self.targets.values())

    @property
    def excess(self) -> float:
        """The most points that a target loses; infinite where that is unknown."""
        return excess_of(self.targets, finite=self.finite)


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """The first file within the budget, or the best of those that are not."""

    lowering: Lowering
    """What lowered it."""
    content: bytes
    judgement: Judgement
    kept: Kept
    """Nodes given back to float32."""
    sensitive: tuple[Sensitive, ...]
    """Who makes the noise, the worst first; empty where nobody had to look."""
    concessions: tuple[Concession, ...]
    """All that were judged."""


def settle(
    choose: Callable[[Kept], Lowering],
    judge: Callable[[bytes], Judgement],
    blame: Callable[[Lowering], list[Sensitive]],
) -> Settled:
    """Lower all nodes and, while that is too much, give the worst 1, 2, 4, 8, … of them back.

    Args:
        choose: Tells what lowers best where these nodes are kept: without the worst, another way
            may be the better one.
        judge: Compares what a file computes with float32.
        blame: Finds who makes the noise, the worst first; asked only where it has to be.
    """
    whole = _try(choose(()), judge, ())
    if whole.judgement.passed:
        return whole
    sensitive, tries = tuple(blame(whole.lowering)), [whole]
    for kept in _give_back(sensitive, len(whole.lowering.nodes)):
        tries.append(_try(choose(kept), judge, kept))
        if tries[-1].judgement.passed:
            break
    best = tries[-1] if tries[-1].judgement.passed else _least(tries)
    concessions = tuple(attempt for tried in tries for attempt in tried.concessions)
    return replace(best, sensitive=sensitive, concessions=concessions)


def _try(lowering: Lowering, judge: Callable[[bytes], Judgement], kept: Kept) -> Settled:
    content = lowering.lower(kept)
    judgement = judge(lowering.stand_in(content))
    attempt = Concession(num_in_float=len(kept), method=lowering.method, drop=judgement.excess)
    return Settled(lowering, content, judgement, kept, (), (attempt,))


def _give_back(sensitive: tuple[Sensitive, ...], num_nodes: int) -> Iterator[Kept]:
    """Name the nodes of the worst 1, 2, 4, 8, … groups, as long as they are not too many."""
    count = 1
    while count <= len(sensitive):
        kept = tuple(name for group in sensitive[:count] for name in group.nodes)
        if len(kept) > num_nodes * _MOST_GIVEN_BACK:
            return
        yield kept
        count *= 2


def _least(tries: list[Settled]) -> Settled:
    """Choose the attempt that loses least; the earliest of equals, with the fewest in float."""
    return min(tries, key=lambda tried: tried.judgement.excess)
