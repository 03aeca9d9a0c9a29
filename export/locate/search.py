"""Bisection for a tensor that differs although everything it is computed from agrees.

Tensors in the order of computation are not simply good and then bad: a shortcut beside the
broken branch is good although it comes later. So only what a bad tensor is computed from is
searched, and what is found is bad while all compared tensors directly before it are good; if one
of them is not, the search goes on among what that one is computed from. Each round halves the
tensors several times at once, which costs one run of each program.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import onnx_ir as ir

from export.locate.alignment import Point
from export.locate.location import GrowthRow

AT_ONCE = 4
"""Tensors that one run gives back: what bounds the memory."""

Compare = Callable[[Sequence[Point]], dict[str, GrowthRow]]


@dataclass(slots=True, eq=False)
class Search:
    """What has been compared so far of one graph."""

    graph: ir.Graph
    points: dict[str, Point]
    """Those that the graph has, by tensor name."""
    compare: Compare
    rows: dict[str, GrowthRow] = field(default_factory=dict)

    def agrees(self, names: Sequence[str]) -> dict[str, bool]:
        """Tell which tensors are PyTorch's."""
        missing = [name for name in names if name not in self.rows]
        for start in range(0, len(missing), AT_ONCE):
            chunk = missing[start : start + AT_ONCE]
            self.rows |= self.compare([self.points[name] for name in chunk])
        return {name: self.rows[name].agrees for name in names}

    def find_first(self, bad: str) -> str:
        """Walk up from a tensor that differs to the first one that does."""
        while True:
            bad = self._bisect(bad)
            wrong = [name for name, good in self.agrees(self.parents(bad)).items() if not good]
            if not wrong:
                return bad
            bad = wrong[0]

    def _bisect(self, bad: str) -> str:
        chain = [*self._ancestors(bad), bad]
        low, high = 0, len(chain) - 1
        while low < high:
            places = _spread(low, high)
            found = self.agrees([chain[at] for at in places])
            first = next((at for at in places if not found[chain[at]]), high)
            low = max((at + 1 for at in places if at < first), default=low)
            high = first
        return chain[high]

    def parents(self, name: str) -> list[str]:
        """List the compared tensors that a tensor is directly computed from."""
        return [found for found in self._walk(name, through=False) if found != name]

    def region(self, name: str) -> list[ir.Node]:
        """List the nodes between a tensor and its parents, in the order of computation."""
        return self._nodes_above(name, frozenset(self.parents(name)))

    def upstream(self, name: str) -> list[ir.Node]:
        """List all nodes that a tensor is computed by, in the order of computation."""
        return self._nodes_above(name, frozenset())

    def order(self) -> list[str]:
        """List all tensors in the order of computation."""
        return [str(value.name) for node in self.graph for value in node.outputs]

    def _nodes_above(self, name: str, end: Collection[str]) -> list[ir.Node]:
        nodes: set[ir.Node] = set()
        waiting = [self._value(name)]
        while waiting:
            node = waiting.pop().producer()
            if node is not None and node not in nodes:
                nodes.add(node)
                waiting += [v for v in node.inputs if v is not None and v.name not in end]
        return [node for node in self.graph if node in nodes]

    def _ancestors(self, name: str) -> list[str]:
        return [found for found in self._walk(name, through=True) if found != name]

    def _walk(self, name: str, *, through: bool) -> list[str]:
        """List the points above a tensor, in the order of computation.

        Args:
            name: The tensor.
            through: Whether to go on above a point.
        """
        start = self._value(name)
        seen, found, waiting = {start}, set(), [start]
        while waiting:
            node = waiting.pop().producer()
            for value in () if node is None else node.inputs:
                if value is None or value in seen:
                    continue
                seen.add(value)
                if value.name in self.points:
                    found.add(value.name)
                if through or value.name not in self.points:
                    waiting.append(value)
        return [value for value in self.order() if value in found]

    def _value(self, name: str) -> ir.Value:
        return next(v for node in self.graph for v in node.outputs if v.name == name)


def _spread(low: int, high: int) -> list[int]:
    """Choose places that cut a range into about equal parts."""
    return sorted({low + (high - low) * at // (AT_ONCE + 1) for at in range(1, AT_ONCE + 1)})
