"""The same question for a graph whose tensors have names of their own: pairing by value.

Another exporter, or another version of it, calls nothing as a fresh export does. Then each
tensor of the graph is compared with the inputs and outputs of all modules that have as many
numbers, as they are and with the channels last, at a few thousand fixed places, within each
module's own noise floor. What follows a mistake is like nothing in PyTorch: so the mistake is in
the first node from which no tensor that is like something can be reached.
"""

from __future__ import annotations

import copy
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import onnx_ir as ir
import torch
from torch import Tensor

from export.interface import INPUT
from export.locate.alignment import common_module
from export.locate.location import NEIGHBOURS, GrowthRow, Location, name_nodes
from export.locate.probe import Exposed, depends_on_neighbours
from export.locate.taps import Tap, Trace, tap
from export.parity import tolerance_of
from zoo.model import TrainedModel

_NUM_PLACES = 4096
"""Numbers of a tensor that are compared, where it has more."""
_AT_ONCE = 16
"""Tensors that one run gives back."""
_CHANNELS_FIRST = (0, 3, 1, 2)


@dataclass(frozen=True, slots=True, eq=False)
class _Sketch:
    """A module's input or output in a few thousand numbers."""

    shape: tuple[int, ...]
    numbers: Tensor
    bound: float

    def distance(self, tensor: Tensor) -> float:
        """Measure how far a tensor of the graph is from it, in the better of two layouts."""
        return min((self._measure(layout) for layout in self._layouts(tensor)), default=math.inf)

    def _layouts(self, tensor: Tensor) -> Iterator[Tensor]:
        if tensor.numel() != math.prod(self.shape) or tensor.shape[:1] != self.shape[:1]:
            return
        yield tensor
        if tensor.ndim == 4 and tensor.permute(_CHANNELS_FIRST).shape == self.shape:
            yield tensor.permute(_CHANNELS_FIRST)

    def _measure(self, tensor: Tensor) -> float:
        gap = (_pick(tensor).double() - self.numbers).abs().max().item()
        return math.inf if math.isnan(gap) else gap


def locate_by_values(
    model: TrainedModel,
    graph: ir.Graph,
    exposed: Exposed,
    images: Tensor,
    noted: Trace,
    wrong: GrowthRow,
) -> Location:
    """Find the first module that is like nothing in the graph.

    Args:
        model: The trained network.
        graph: The exported one.
        exposed: The same, to be run.
        images: float32 [N, 3, H, W]
        noted: What PyTorch calls.
        wrong: The output that differs.
    """
    sketches = _sketch(model, images, noted)
    matches: dict[str, list[Tap]] = {}
    whole: set[str] = set()
    nearest: dict[Tap, tuple[float, str]] = defaultdict(lambda: (math.inf, ""))
    for name, tensor in _read_all(graph, exposed, images):
        if not tensor.is_floating_point():
            whole.add(name)
            continue
        gaps = {at: sketch.distance(tensor) for at, sketch in sketches.items()}
        matches[name] = [at for at, gap in gaps.items() if gap <= sketches[at].bound]
        nearest |= {at: (gap, name) for at, gap in gaps.items() if gap < nearest[at][0]}
    matched = {at for taps in matches.values() for at in taps}
    alike = {name for name, taps in matches.items() if taps}
    dead = [
        node
        for node in _find_dead(graph, wrong.tensor, alike)
        if whole.isdisjoint(str(value.name) for value in node.outputs)
    ]
    before = _nearest_above(dead[0], matches) if dead else []
    place = _blame(noted, before, matched)
    rows = tuple(
        GrowthRow(module=at.module, tensor=nearest[at][1], error=nearest[at][0], bound=s.bound)
        for at, s in sketches.items()
        if at.side == "output" and (at in matched or at == place)
    )
    named = next((row for row in rows if row.module == place.module and not row.agrees), wrong)
    return Location(
        part="module" if place.module else "outputs",
        module=place.module,
        module_type=type(model.network.get_submodule(place.module)).__name__,
        folded=(),
        nodes=name_nodes(dead),
        error=named.error,
        bound=named.bound,
        cause=NEIGHBOURS if depends_on_neighbours(exposed, named, images) else None,
        method="values",
        growth=(*rows, wrong),
    )


def _read_all(graph: ir.Graph, exposed: Exposed, images: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Compute every tensor, a few at a time; what cannot be computed ends all that needs it."""
    lost: set[ir.Value] = set()
    yield INPUT, images
    for nodes in _batched(graph, _AT_ONCE):
        values = []
        for node in nodes:
            if lost.intersection(value for value in node.inputs if value is not None):
                lost.update(node.outputs)
            else:
                values += [value for value in node.outputs if value.name]
        found = exposed.read([str(value.name) for value in values], images)
        lost.update(value for value in values if value.name not in found)
        yield from found.items()


def _batched(nodes: Iterable[ir.Node], count: int) -> Iterator[list[ir.Node]]:
    """Take a few at a time; `itertools.batched` is younger than the oldest Python here."""
    left = iter(nodes)
    while few := list(islice(left, count)):
        yield few


def _sketch(model: TrainedModel, images: Tensor, noted: Trace) -> dict[Tap, _Sketch]:
    """Run both precisions and keep a few thousand numbers of every border.

    Tensors that are zero within their own noise are left out: everything dead is like them.
    """
    taps = [at for at in noted.shapes if at.module]
    ours = tap(model.network, taps, images, keep=_pick)
    exact = tap(copy.deepcopy(model.network).double(), taps, images, keep=_pick)
    found = {}
    for at in taps:
        bound = tolerance_of(ours[at], exact[at], math.inf).bound
        if ours[at].abs().max() > bound:
            shape = (len(images), *noted.shapes[at])
            found[at] = _Sketch(shape, ours[at].double(), bound)
    return found


def _pick(tensor: Tensor) -> Tensor:
    """Take the numbers at fixed places of a tensor."""
    flat = tensor.reshape(-1)
    if len(flat) <= _NUM_PLACES:
        return flat
    places = torch.randint(
        len(flat), (_NUM_PLACES,), generator=torch.Generator().manual_seed(len(flat))
    )
    return flat[places.to(flat.device)]


def _find_dead(graph: ir.Graph, answer: str, matched: set[str]) -> list[ir.Node]:
    """List the nodes above an answer from which nothing that matches can be reached."""
    alive: set[ir.Node] = set()
    for node in reversed(list(graph)):
        names = {value.name for value in node.outputs}
        readers = {use.node for value in node.outputs for use in value.uses()}
        if names & matched or readers & alive:
            alive.add(node)
    needed: set[ir.Node] = set()
    for node in reversed(list(graph)):
        readers = {use.node for value in node.outputs for use in value.uses()}
        if answer in {value.name for value in node.outputs} or readers & needed:
            needed.add(node)
    return [node for node in graph if node in needed and node not in alive]


def _nearest_above(node: ir.Node, matches: Mapping[str, Sequence[Tap]]) -> list[Tap]:
    """List what the nearest matching tensors above a node are in PyTorch."""
    found: list[Tap] = []
    waiting = [value for value in node.inputs if value is not None]
    seen = set(waiting)
    while waiting:
        value = waiting.pop(0)
        maker = value.producer()
        if taps := matches.get(str(value.name)):
            found += taps
        elif maker is not None:
            fresh = [v for v in maker.inputs if v is not None and v not in seen]
            seen.update(fresh)
            waiting += fresh
    return found


def _blame(noted: Trace, before: Sequence[Tap], matched: set[Tap]) -> Tap:
    """Choose the innermost module that reads what still matches and gives what does not."""
    order = list(noted.shapes)
    suspects = [
        at
        for at in (Tap(t.module, "output", t.call) for t in before if t.side == "input")
        if at not in matched and at in noted.shapes and not _is_cleared(at, order, matched)
    ]
    if suspects:
        return min(suspects, key=lambda at: (-at.module.count("."), order.index(at)))
    around = [at.module.rpartition(".")[0] for at in before if at.side == "output"]
    shared = common_module(around)
    return next(
        (at for at in order if at.module == shared and at.side == "output"), Tap("", "output")
    )


def _is_cleared(at: Tap, order: Sequence[Tap], matched: set[Tap]) -> bool:
    """Tell whether the module after a folded one is right, and so the folded one is."""
    behind = [other for other in order[order.index(at) + 1 :] if other.side == "output"]
    return bool(behind) and behind[0] in matched
