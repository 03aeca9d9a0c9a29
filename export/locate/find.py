"""Where do PyTorch and ONNX part? The first module that computes something else.

Tensors of the graph are paired with modules by the names that a fresh export of the same network
gives them, or, in a file of another exporter, by their values; and they are compared within each
module's own noise floor, by bisection.
"""

from __future__ import annotations

import onnx
import onnx_ir as ir
from torch import Tensor

from export.hostile.examine import DOMAINS
from export.locate.alignment import answers_of
from export.locate.by_names import locate_by_names, speak_alike
from export.locate.by_values import locate_by_values
from export.locate.fresh import export_fresh
from export.locate.location import GrowthRow, Location
from export.locate.probe import Exposed, Probe
from export.locate.taps import trace
from export.samples import Inputs
from zoo.errors import ExportError
from zoo.model import TrainedModel

_NUM_PROBED = 8
"""Images that both programs run on, again and again."""


def choose_probe(inputs: Inputs, worst: str) -> Tensor:
    """Choose images to search on: the one that differs most, then real ones and edge inputs.

    Args:
        inputs: What a verification looked at.
        worst: The name of the input that differs most, as L1 reports it.
    """
    first = inputs.names.index(worst)
    mixed = [*inputs.probed[::2], *inputs.probed[1::2]]
    others = [at for at in mixed if at != first]
    return inputs.pixel_values[[first, *others[: _NUM_PROBED - 1]]]


def locate(
    model: TrainedModel,
    onnx_bytes: bytes,
    pixel_values: Tensor,
    *,
    fresh: ir.Model | None = None,
) -> Location | None:
    """Find the first module at which an exported graph leaves PyTorch.

    A graph with a preprocessing before the network is examined from the network's input on.

    Args:
        model: The trained network, on the device where they differ.
        onnx_bytes: The exported graph, in float32.
        pixel_values: float32 [N, 3, H, W] on which they differ; a few suffice. They are run
            together and, where nothing shows, the first alone.
        fresh: What `export_fresh` made of the model, where somebody has it already.

    Returns:
        Nothing where the two agree on these images.
    """
    proto = onnx.load_from_string(onnx_bytes)
    graph = ir.from_proto(proto).graph
    exposed = Exposed(proto, model.device)
    opset = max(entry.version for entry in proto.opset_import if entry.domain in DOMAINS)
    for images in (pixel_values, pixel_values[:1]):
        probe = Probe(model, images)
        rows = probe.compare(exposed, answers_of(model))
        wrong = next((row for row in rows.values() if not row.agrees), None)
        if wrong and not any(value.name == wrong.tensor for n in graph for value in n.outputs):
            return _report_absence(model, wrong)
        if wrong:
            fresh = fresh or _try_export(model, opset)
            return _locate(model, graph, exposed, probe, wrong, fresh)
    return None


def _try_export(model: TrainedModel, opset: int) -> ir.Model | None:
    try:
        return export_fresh(model, opset)
    except ExportError:
        return None


def _locate(
    model: TrainedModel,
    graph: ir.Graph,
    exposed: Exposed,
    probe: Probe,
    wrong: GrowthRow,
    fresh: ir.Model | None,
) -> Location:
    noted = trace(model.network, probe.images[:1])
    if fresh is None or not speak_alike(graph, fresh.graph):
        return locate_by_values(model, graph, exposed, probe.images, noted, wrong)
    return locate_by_names(model, graph, exposed, probe, noted, fresh, wrong)


def _report_absence(model: TrainedModel, wrong: GrowthRow) -> Location:
    """Describe a graph that does not compute one of its answers at all."""
    return Location(
        part="outputs",
        module="",
        module_type=type(model.network).__name__,
        folded=(),
        nodes=(),
        error=wrong.error,
        bound=wrong.bound,
        cause=f"no node computes {wrong.tensor}",
        method="names",
        growth=(wrong,),
    )
