"""Which tensor of an exported graph is which module's input or output, by the exporter's notes.

What leaves the nodes of a module is its output, what enters them its input. A module called
several times gives several tensors: they are paired with its calls in order, and only where
there are as many of the one as of the other and their shapes fit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import onnx_ir as ir

from export.interface import name_outputs
from export.locate.fresh import owners_of
from export.locate.taps import Side, Tap, Trace
from zoo.model import TrainedModel


@dataclass(frozen=True, slots=True)
class Point:
    """A tensor that both programs have."""

    value: str
    """What the graph calls it."""
    tap: Tap
    """What it is in PyTorch."""
    owner: str
    """The module whose node computes it: of a sum between two modules, the one around both."""

    @property
    def label(self) -> str:
        """The owner, and which of its calls where that is not the first."""
        later = self.tap.module == self.owner and self.tap.call > 0
        return f"{self.owner}, call {self.tap.call + 1}" if later else self.owner


def align(fresh: ir.Model, noted: Trace, model: TrainedModel) -> dict[str, Point]:
    """Pair the tensors of a fresh export with the borders of modules.

    Returns:
        By tensor name, in the order of computation; the graph's outputs are the last.
    """
    owners = owners_of(fresh)
    made = {value: owners[node] for node in fresh.graph for value in node.outputs}
    computed = _depend_on_input(fresh)
    taps: dict[ir.Value, list[Tap]] = defaultdict(list)
    for side, borders in _find_borders(fresh, owners, made).items():
        for module, values in borders.items():
            known = [value for value in values if value in computed]
            for value, tap in _pair(module, side, known, noted):
                taps[value].append(tap)
    last = {point.value: point.tap for point in answers_of(model)}
    points = {
        str(value.name): Point(str(value.name), _choose(taps[value]), made[value])
        for value in made
        if taps[value] and value.name not in last
    }
    answers = {str(value.name): made.get(value, "") for value in fresh.graph.outputs}
    return points | {name: Point(name, tap, answers[name]) for name, tap in last.items()}


def answers_of(model: TrainedModel) -> list[Point]:
    """List what the network answers with, target by target."""
    names = name_outputs(model.targets).values()
    return [Point(name, Tap("", "output", 0, at), "") for at, name in enumerate(names)]


def common_module(paths: Sequence[str]) -> str:
    """Name the innermost module that others are, or are inside of."""
    shared: list[str] = []
    for parts in zip(*(path.split(".") for path in paths), strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return ".".join(shared)


def _choose(taps: Sequence[Tap]) -> Tap:
    """Prefer what a module gives to what the next one takes, and the innermost module."""
    return max(taps, key=lambda tap: (tap.side == "output", tap.module.count("."), tap.module))


def _pair(
    module: str, side: Side, values: Sequence[ir.Value], noted: Trace
) -> Iterator[tuple[ir.Value, Tap]]:
    if len(values) != noted.calls[module]:
        return
    for call, value in enumerate(values):
        tap = Tap(module, side, call)
        if tap in noted.shapes and _fits(value, noted.shapes[tap]):
            yield value, tap


def _fits(value: ir.Value, shape: tuple[int, ...]) -> bool:
    """Tell whether a tensor may have this shape behind its batch axis."""
    if value.shape is None:
        return True
    axes = list(value.shape)[1:]
    return len(axes) == len(shape) and all(
        found == wanted for found, wanted in zip(axes, shape, strict=True) if isinstance(found, int)
    )


Borders = Mapping[str, Sequence[ir.Value]]


def _find_borders(
    fresh: ir.Model, owners: Mapping[ir.Node, str], made: Mapping[ir.Value, str]
) -> dict[Side, Borders]:
    """Collect, by module, the tensors that enter its nodes and those that leave them."""
    entering: dict[str, list[ir.Value]] = defaultdict(list)
    leaving: dict[str, list[ir.Value]] = defaultdict(list)
    answers = set(fresh.graph.outputs)
    for node in fresh.graph:
        given = [value for value in node.inputs if value is not None and value in made]
        for value, module in product(given, _around(owners[node])):
            if value not in entering[module] and not _is_inside(made[value], module):
                entering[module].append(value)
        for value in node.outputs:
            readers = [owners[use.node] for use in value.uses()]
            for module in _around(owners[node]):
                outside = (not _is_inside(reader, module) for reader in readers)
                if value in answers or any(outside):
                    leaving[module].append(value)
    return {"input": entering, "output": leaving}


def _depend_on_input(fresh: ir.Model) -> set[ir.Value]:
    """Collect the float tensors that the pixels go into."""
    found: set[ir.Value] = set(fresh.graph.inputs)
    for node in fresh.graph:
        if node.op_type not in ("Shape", "Size") and found.intersection(
            value for value in node.inputs if value is not None
        ):
            found.update(node.outputs)
    return {value for value in found if value.dtype in (None, ir.DataType.FLOAT)}


def _around(module: str) -> list[str]:
    """List a module's path and those of the modules around it, the network's own left out."""
    parts = module.split(".") if module else []
    return [".".join(parts[:count]) for count in range(len(parts), 0, -1)]


def _is_inside(path: str, module: str) -> bool:
    return path == module or path.startswith(f"{module}.")
