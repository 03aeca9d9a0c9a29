"""Any tensor of a graph, computed by ONNX Runtime and compared with PyTorch's."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence

import onnx
import torch
from torch import Tensor

from export.interface import INPUT
from export.locate.alignment import Point
from export.locate.location import GrowthRow
from export.locate.taps import tap
from export.parity import tolerance_of
from export.session import open_session
from zoo.errors import DamagedFileError, ExportError
from zoo.model import TrainedModel


class Exposed:
    """A graph whose tensors can be read by name."""

    def __init__(self, proto: onnx.ModelProto, device: torch.device) -> None:
        self._proto = proto
        self._device = device

    def read(self, names: Sequence[str], images: Tensor) -> dict[str, Tensor]:
        """Compute tensors from the network's input; those that cannot be computed are left out."""
        if not names:
            return {}
        try:
            session = open_session(self._cut(names).SerializeToString(), self._device)
            return session.run(names, images)
        except (ExportError, DamagedFileError):
            if len(names) == 1:
                return {}
            middle = len(names) // 2
            return self.read(names[:middle], images) | self.read(names[middle:], images)

    def _cut(self, names: Sequence[str]) -> onnx.ModelProto:
        """Take what some tensors need, so that nothing else can fail.

        The cut begins at the network's input: a preprocessing before it is left out.
        """
        graph, needed = self._proto.graph, set(names)
        nodes = []
        for node in reversed(graph.node):
            if needed.intersection(set(node.output) - {INPUT}):
                nodes.append(node)
                needed.update(_reads(node))
        cut = onnx.helper.make_model(
            onnx.helper.make_graph(
                nodes[::-1],
                graph.name,
                [onnx.helper.make_tensor_value_info(INPUT, onnx.TensorProto.FLOAT, _AXES)],
                [onnx.ValueInfoProto(name=name) for name in names],
                [tensor for tensor in graph.initializer if tensor.name in needed],
            ),
            opset_imports=self._proto.opset_import,
            ir_version=self._proto.ir_version,
        )
        cut.functions.extend(self._proto.functions)
        return cut


_AXES: list[str | int | None] = ["batch", 3, "height", "width"]


def _reads(node: onnx.NodeProto) -> Iterator[str]:
    """List the tensors that a node reads, those that the graphs inside it read too."""
    yield from node.input
    for attribute in node.attribute:
        for inner in attribute.g.node:
            yield from _reads(inner)


class Probe:
    """Both programs on the same images, compared at any point that they share."""

    def __init__(self, model: TrainedModel, images: Tensor) -> None:
        self._float32 = model.network
        self._float64 = copy.deepcopy(model.network).double()
        self.images = images

    def compare(self, graph: Exposed, points: Sequence[Point]) -> dict[str, GrowthRow]:
        """Measure how far a graph is from PyTorch at a handful of points, by tensor name."""
        taps = [point.tap for point in points]
        if not taps:
            return {}
        exact = tap(self._float64, taps, self.images)
        ours = tap(self._float32, taps, self.images)
        theirs = graph.read([point.value for point in points], self.images)
        return {
            point.value: GrowthRow(
                module=point.label or "(outputs)",
                tensor=point.value,
                error=distance(ours[point.tap], theirs.get(point.value)),
                bound=tolerance_of(ours[point.tap], exact[point.tap], math.inf).bound,
            )
            for point in points
        }


def depends_on_neighbours(graph: Exposed, row: GrowthRow, images: Tensor) -> bool:
    """Tell whether a tensor of the first image is another where the image is alone."""
    together = graph.read([row.tensor], images).get(row.tensor)
    alone = graph.read([row.tensor], images[:1]).get(row.tensor)
    if together is None or alone is None or len(together) != len(images) or len(alone) != 1:
        return False
    return not distance(alone, together[:1]) <= row.bound


def distance(ours: Tensor, theirs: Tensor | None) -> float:
    """Measure the largest difference; infinite where there is nothing of the same shape."""
    if theirs is None or theirs.shape != ours.shape:
        return math.inf
    found = (theirs.double() - ours.double()).abs().max().item()
    return math.inf if math.isnan(found) else found
