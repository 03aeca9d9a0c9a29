"""Who makes the noise: groups of nodes lowered alone, the worst taken apart first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

_PARTS = 8
"""Into how many the network is cut at first, and then each group that is taken apart."""
_MOST_MEASURES = 48
"""Groups that are measured: each is a conversion, a session and the images."""
_NEGLIGIBLE = 0.1
"""A group with less than this part of the worst node's noise is not taken apart."""

Group = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sensitive:
    """Nodes next to each other, and the noise of the answers when they alone are lowered."""

    nodes: Group
    noise: float


def find_sensitive(
    nodes: Sequence[str],
    measure: Callable[[Group], float],
    *,
    most_measures: int = _MOST_MEASURES,
) -> list[Sensitive]:
    """Find the nodes that make the most noise, best first.

    Whatever makes much in a group makes it alone, too, more or less: so the group with the most
    is cut into parts, which are measured, and so on. A network of five hundred nodes gives away
    its worst few in some forty measures.

    Args:
        nodes: What can be lowered, in the order of computing.
        measure: Tells the noise where these alone are lowered.
        most_measures: How often that may be asked.

    Returns:
        All nodes, singly or in the groups that were not taken apart; the worst first.
    """
    found: list[Sensitive] = []
    waiting: list[tuple[float, int, Group]] = []
    measured, parts = 0, _cut(tuple(nodes))
    worst = 0.0
    while True:
        for part in parts:
            heappush(waiting, (-measure(part), measured, part))
            measured += 1
        if not waiting:
            return sorted(found, key=lambda group: -group.noise)
        noise, _, group = heappop(waiting)
        parts = _cut(group)
        if len(parts) == 1 or measured + len(parts) > most_measures or -noise < worst:
            found.append(Sensitive(group, -noise))
            worst = max(worst, -noise * _NEGLIGIBLE) if len(parts) == 1 else worst
            parts = []


def _cut(group: Group) -> list[Group]:
    """Cut a group into parts of nodes next to each other."""
    return list(_slices(group, max(1, -(-len(group) // _PARTS))))


def _slices(group: Group, size: int) -> Iterator[Group]:
    for start in range(0, len(group), size):
        yield group[start : start + size]
