"""Dealing units out to two sides so that each stratum is cut in the same proportion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What must stay together, and what each such unit holds; units lie in seeded order.

    A stratum is a class, a label or a quantile. The pairs are sorted by unit.
    """

    units: NDArray[np.int64]
    """[pairs]; the unit of each pair."""
    strata: NDArray[np.int64]
    """[pairs]; the stratum of each pair, in [0, strata)."""
    rows: NDArray[np.int64]
    """[pairs]; how many rows of this unit are of this stratum."""

    @property
    def num_units(self) -> int:
        """How many units there are."""
        return int(self.units[-1]) + 1


def make_plan(
    unit_of: NDArray[np.int64], rows: NDArray[np.int64], strata: NDArray[np.int64]
) -> Plan:
    """Count the rows of each unit in each stratum.

    Args:
        unit_of: [N], in [0, units); the unit of each row, in the order to be dealt in.
        rows: [any]; a row once for each stratum that it is of.
        strata: [any]; that stratum.
    """
    count = int(strata.max()) + 1
    pairs, counts = np.unique(unit_of[rows] * count + strata, return_counts=True)
    return Plan(pairs // count, pairs % count, counts)


def hold_out(plan: Plan, part: float, *, most: float, guarded: bool = True) -> NDArray[np.bool_]:
    """Choose about `part` of the rows of each stratum, whole units only; bool [units].

    The rarest stratum is dealt out first, since commoner ones leave more choice (Sechidis et
    al., On the Stratification of Multi-Label Data, ECML 2011).

    Args:
        plan: What is dealt out.
        part: Of the rows, in (0, 1).
        most: Part of all rows up to which a unit is held out only because its stratum would
            have none otherwise.
        guarded: Let no stratum lose all its units, rather than no more than all strata together.
    """
    dealer = _Dealer(plan, plan.strata if guarded else np.zeros_like(plan.strata))
    order = np.argsort(plan.strata, kind="stable")
    sizes = np.bincount(plan.strata, weights=plan.rows)
    members = np.split(order, np.cumsum(np.bincount(plan.strata))[:-1])
    decided = np.zeros(plan.num_units, dtype=bool)
    # Units are in an order that the seed chose: strata of one size come in one as well, or the
    # first of them, such as the lowest values, would always have the first choice.
    firsts = [plan.units[rows].min(initial=plan.num_units) for rows in members]
    for stratum in np.lexsort((firsts, sizes)):
        units, rows = plan.units[members[stratum]], plan.rows[members[stratum]]
        held, free = dealer.held[units], units[~decided[units]].tolist()
        missing = round(part * sizes[stratum]) - int(rows[held].sum())
        dealer.take(free, rows[~decided[units]].tolist(), missing)
        if not dealer.held[units].any():
            dealer.take_smallest(free, most)
        decided[units] = True
    if not dealer.held.any():
        dealer.take_smallest(list(range(plan.num_units)), np.inf)
    return dealer.held


class _Dealer:
    """Takes units out of the training data as long as every guard keeps one."""

    def __init__(self, plan: Plan, guards: NDArray[np.int64]) -> None:
        self.held = np.zeros(plan.num_units, dtype=bool)
        self._sizes = np.bincount(plan.units, weights=plan.rows)
        self._left = np.bincount(guards).tolist()
        self._guards = guards
        self._starts = np.searchsorted(plan.units, np.arange(plan.num_units + 1))

    def take(self, units: list[int], rows: list[int], wanted: int) -> None:
        """Take units in order while that comes nearer to `wanted` rows, of which each has some."""
        taken = 0
        for unit, size in zip(units, rows, strict=True):
            if taken >= wanted:
                return
            if taken + size / 2 < wanted and self._take(unit):
                taken += size

    def take_smallest(self, units: list[int], most: float) -> None:
        """Take the smallest unit that may go, if `most` of all rows leaves room for it."""
        room = most * self._sizes.sum() - self._sizes[self.held].sum()
        for unit in sorted(units, key=self._sizes.__getitem__):
            if self._sizes[unit] / 2 >= room or self._take(unit):
                return

    def _take(self, unit: int) -> bool:
        guards = self._guards[self._starts[unit] : self._starts[unit + 1]].tolist()
        if any(self._left[guard] <= guards.count(guard) for guard in guards):
            return False
        self.held[unit] = True
        for guard in guards:
            self._left[guard] -= 1
        return True
