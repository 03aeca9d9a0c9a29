"""The first module that differs, in a graph that names tensors as a fresh export does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import onnx_ir as ir
import torch

from export.locate.alignment import Point, align, answers_of, common_module
from export.locate.cause import find_changes, tell
from export.locate.fresh import owners_of
from export.locate.location import NEIGHBOURS, GrowthRow, Location, name_nodes
from export.locate.order import explain_order
from export.locate.probe import Exposed, Probe, depends_on_neighbours
from export.locate.search import Search
from export.locate.taps import Trace, tap
from zoo.model import TrainedModel

_ALIKE = 0.75
"""Least part of a fresh export's tensors that a file must have, made by the same operators, for
its names to mean what they say."""


def speak_alike(graph: ir.Graph, fresh: ir.Graph) -> bool:
    """Tell whether a file's tensors are called as in a fresh export."""
    ours, theirs = (
        {(value.name, node.op_type) for node in found for value in node.outputs}
        for found in (graph, fresh)
    )
    return len(ours & theirs) >= _ALIKE * len(theirs)


def locate_by_names(
    model: TrainedModel,
    graph: ir.Graph,
    exposed: Exposed,
    probe: Probe,
    noted: Trace,
    fresh: ir.Model,
    wrong: GrowthRow,
) -> Location:
    """Search for the first module that differs, and compare its nodes with a fresh export's.

    Args:
        model: The trained network.
        graph: The exported one.
        exposed: The same, to be run.
        probe: Both programs on the same images.
        noted: What PyTorch calls.
        fresh: A fresh export, with the exporter's notes.
        wrong: The output that differs.
    """
    made = {value.name for node in graph for value in node.outputs}
    points = {name: p for name, p in align(fresh, noted, model).items() if name in made}
    search = Search(graph, points, lambda chosen: probe.compare(exposed, chosen))
    search.agrees([wrong.tensor])
    name = _find_first(search, probe, Exposed(ir.to_proto(fresh), model.device), wrong, model)
    point, row = points[name], search.rows[name]
    owners = owners_of(fresh)
    clean = Search(fresh.graph, points, search.compare)
    region = search.region(name)
    changes = find_changes(region, clean.region(name), fresh.graph)
    blamed = [owners[node] for node in changes[0].places] if changes else []
    module = common_module(blamed) if blamed else point.owner
    order, behind = None, False
    if point.tap.module == "":
        order = _explain_order(model, probe, exposed, name)
        known = {str(value.name) for node in fresh.graph for value in node.outputs}
        behind = _is_right_before(region, exposed, probe, point, known)
    nodes = [change.node for change in changes] or region
    cause = order or tell(changes) or _look_upstream(search, clean, name, fresh, owners)
    if depends_on_neighbours(exposed, row, probe.images):
        cause = f"{NEIGHBOURS}; {cause}"
    return Location(
        part="outputs" if order or behind else "module",
        module=module,
        module_type=type(model.network.get_submodule(module)).__name__,
        folded=_find_folded(noted, point, points.values(), model),
        nodes=name_nodes(nodes),
        error=row.error,
        bound=row.bound,
        cause=cause,
        method="names",
        growth=tuple(search.rows[key] for key in search.order() if key in search.rows),
    )


def _find_first(
    search: Search, probe: Probe, clean: Exposed, wrong: GrowthRow, model: TrainedModel
) -> str:
    """Search, and drop what a sound fresh export does not agree on either: a wrong pair."""
    sound: bool | None = None
    while (name := search.find_first(wrong.tensor)) != wrong.tensor:
        if probe.compare(clean, [search.points[name]])[name].agrees:
            break
        if sound is None:
            rows = probe.compare(clean, answers_of(model))
            sound = all(row.agrees for row in rows.values())
        if not sound:
            break
        del search.points[name], search.rows[name]
    return name


def _explain_order(model: TrainedModel, probe: Probe, exposed: Exposed, name: str) -> str | None:
    """Look whether a wrong answer is a right one in the wrong place."""
    answers = answers_of(model)
    theirs = exposed.read([name], probe.images)
    ours = tap(model.network, [point.tap for point in answers], probe.images)
    bounds = {value: row.bound for value, row in probe.compare(exposed, answers).items()}
    named = {point.value: ours[point.tap] for point in answers}
    return explain_order(name, theirs[name], named, bounds) if theirs else None


def _is_right_before(
    region: Sequence[ir.Node], exposed: Exposed, probe: Probe, point: Point, known: set[str]
) -> bool:
    """Tell whether an answer is computed rightly under another name, and changed after that."""
    extra = [str(v.name) for node in region for v in node.outputs if v.name not in known]
    moved = [replace(point, value=name) for name in extra]
    return any(row.agrees for row in probe.compare(exposed, moved).values())


def _find_folded(
    noted: Trace, point: Point, points: Iterable[Point], model: TrainedModel
) -> tuple[str, ...]:
    """List the modules with weights, called right before one, that have no tensor of their own."""
    if point.tap.side == "input" or point.tap.module not in noted.leaves:
        return ()
    seen = {(other.tap.module, other.tap.call) for other in points if other.tap.side == "output"}
    calls: Counter[str] = Counter()
    found: list[str] = []
    for leaf in noted.leaves:
        at = (leaf, calls[leaf])
        calls[leaf] += 1
        if at == (point.tap.module, point.tap.call):
            break
        if at in seen:
            found.clear()
        elif any(True for _ in model.network.get_submodule(leaf).parameters()):
            found.append(leaf)
    return tuple(found)


def _look_upstream(
    search: Search, clean: Search, name: str, fresh: ir.Model, owners: Mapping[ir.Node, str]
) -> str | None:
    """Look for differences further up, whose effect is within the noise there."""
    changes = find_changes(search.upstream(name), clean.upstream(name), fresh.graph)
    if not changes:
        return (
            f"torch {torch.__version__} exports it alike today: the exporter or ONNX Runtime "
            "computes something else than PyTorch"
        )
    module = common_module([owners[node] for node in changes[-1].places])
    return f"further up, in {module or 'the network'}: {changes[-1].text}"
