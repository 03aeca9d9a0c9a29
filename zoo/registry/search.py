"""Finding a backbone: filters, orders, and the front of accuracy over cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from zoo.errors import RegistryError
from zoo.registry.entries import Backbone

Cost = Literal["macs", "params"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What a backbone must be; what is None or empty does not matter."""

    text: str = ""
    """Words that its name, summary, family or notes contain, each of them somewhere."""
    task: str | None = None
    family: str | None = None
    license: str | None = None
    """An SPDX identifier, or terms: permissive, copyleft, non-commercial, custom."""
    source: str | None = None
    min_params: int | None = None
    max_params: int | None = None
    min_macs: int | None = None
    max_macs: int | None = None

    def matches(self, entry: Backbone) -> bool:
        """Tell whether a backbone is all that."""
        words = " ".join((entry.name, entry.summary, entry.family, entry.notes)).lower()
        return (
            all(word in words for word in self.text.lower().split())
            and _is(self.task, entry.task)
            and _is(self.family, entry.family)
            and _is(self.license, entry.weights.license, entry.weights.terms)
            and _is(self.source, entry.weights.source)
            and _within(entry.num_params, self.min_params, self.max_params)
            and _within(entry.macs, self.min_macs, self.max_macs)
        )


COLUMNS: Mapping[str, Callable[[Backbone], str | float | None]] = {
    "name": lambda entry: entry.name,
    "family": lambda entry: entry.family,
    "params": lambda entry: entry.num_params,
    "macs": lambda entry: entry.macs,
    "size": lambda entry: entry.preprocess.size,
    "features": lambda entry: entry.feature_dim,
    "top1": lambda entry: entry.top1,
    "source": lambda entry: entry.weights.source,
    "license": lambda entry: entry.weights.license,
    "task": lambda entry: entry.task,
}
"""What entries can be sorted by."""


def search(entries: Iterable[Backbone], query: Query) -> list[Backbone]:
    """Keep what matches.

    Raises:
        RegistryError: No entry at all has the family, licence, source or task asked for.
    """
    entries = list(entries)
    known: dict[str, Callable[[Backbone], set[str]]] = {
        "task": lambda entry: {entry.task},
        "family": lambda entry: {entry.family},
        "license": lambda entry: {entry.weights.license, entry.weights.terms},
        "source": lambda entry: {entry.weights.source},
    }
    for name, values_of in known.items():
        wanted = getattr(query, name)
        values = set().union(*(values_of(entry) for entry in entries)) - {""}
        if wanted is not None and wanted.lower() not in map(str.lower, values):
            raise RegistryError(
                f"no entry has the {name} {wanted!r}",
                hint=f"there are {', '.join(sorted(values))}",
            )
    return [entry for entry in entries if query.matches(entry)]


def sort_by(entries: Iterable[Backbone], column: str, *, reverse: bool = False) -> list[Backbone]:
    """Put entries in the order of a column; those that lack the figure come last."""
    value_of = COLUMNS[column]
    entries = list(entries)
    with_value = [entry for entry in entries if value_of(entry) is not None]
    without = [entry for entry in entries if value_of(entry) is None]
    return sorted(with_value, key=value_of, reverse=reverse) + without  # type: ignore[arg-type]


def cost_of(entry: Backbone, cost: Cost) -> int:
    """Multiply-accumulates of one image at the entry's own size, or parameters."""
    return entry.macs if cost == "macs" else entry.num_params


def pareto_front(entries: Iterable[Backbone], cost: Cost = "macs") -> list[Backbone]:
    """Keep what no other entry beats: none is both cheaper and at least as accurate.

    Args:
        entries: Those without a published ImageNet top-1 are left out.
        cost: What counts as cost.

    Returns:
        From the cheapest to the most accurate.
    """
    rated = [entry for entry in entries if entry.top1 is not None]
    rated.sort(key=lambda entry: (cost_of(entry, cost), -(entry.top1 or 0.0)))
    front: list[Backbone] = []
    for entry in rated:
        if not front or (entry.top1 or 0.0) > (front[-1].top1 or 0.0):
            front.append(entry)
    return front


def _is(wanted: str | None, *values: str) -> bool:
    return wanted is None or wanted.lower() in map(str.lower, values)


def _within(value: int, least: int | None, most: int | None) -> bool:
    return (least is None or value >= least) and (most is None or value <= most)
