"""A trained network as an ONNX graph: names, axes, opset, reproducible bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import onnx
import onnx_ir as ir
import onnx_ir.passes.common as passes

from export.exporters import Exporter, trace_graph
from export.hostile import remember
from export.metadata import describe, describe_export
from export.weights_beside import LARGEST_FILE, WEIGHTS_SUFFIX, move_weights, point_to
from zoo.errors import ExportError
from zoo.model import TrainedModel
from zoo.storage import write_together

OPSET = 20
"""Default opset: the first with a native Gelu, and read by ONNX Runtime since 1.17."""

_STANDARD = ""
"""The domain of the standard operators."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Graph:
    """An exported network: the bytes of one file, or of two."""

    content: bytes
    """The ONNX file."""
    weights: bytes | None
    """The file beside it, where all in one would be larger than protobuf can write."""
    exporter: Exporter
    opset: int
    """Version of the operator set, as it is written in the file."""
    dynamic_size: bool
    """Whether it takes images of any height and width."""

    def files(self, name: str) -> dict[str, bytes]:
        """Tell what to write where: by file name, the weights before what refers to them.

        Args:
            name: What the ONNX file is to be called; the weights are named after it.
        """
        if self.weights is None:
            return {name: self.content}
        beside = name + WEIGHTS_SUFFIX
        return {beside: self.weights, name: point_to(self.content, beside)}


def export_graph(
    model: TrainedModel,
    folder: Path,
    *,
    opset: int = OPSET,
    exporter: Exporter = "dynamo",
    dynamic_size: bool = False,
    largest_file: int = LARGEST_FILE,
) -> Graph:
    """Turn a model into the bytes of a self-contained ONNX file, or of two beyond 2 GB.

    The same model, exporter, opset and versions give the same bytes: what the exporter notes
    about source files and paths is removed.

    Args:
        model: The trained network.
        folder: The model folder it was read from; its weights' sha256 goes into the metadata.
        opset: Version of the operator set.
        exporter: Which of torch's two exporters.
        dynamic_size: Whether images of any height and width are to be taken; whether they
            are rightly is for `export.image_sizes` to prove.
        largest_file: Bytes of weights from which on they lie in a file of their own.

    Raises:
        ExportError: The exporter refuses the network, or writes another opset.
    """
    traced = trace_graph(model, opset, exporter, dynamic_size=dynamic_size)
    _strip(traced)
    traced.metadata_props.clear()
    facts = describe(model, folder) | describe_export(exporter, dynamic_size=dynamic_size)
    traced.metadata_props.update(sorted(facts.items()))
    weights = move_weights(traced, largest_file)
    proto = ir.to_proto(traced)
    # Shapes between the nodes are deduced by every runtime; quantisers stumble over them.
    del proto.graph.value_info[:]
    _require_opset(proto, opset, exporter)
    content: bytes = proto.SerializeToString(deterministic=True)
    return Graph(
        content=content,
        weights=weights,
        exporter=exporter,
        opset=opset,
        dynamic_size=dynamic_size,
    )


def write_graph(graph: Graph, path: Path) -> None:
    """Write a graph and the weights beside it, whole or not at all.

    Weights that an earlier and larger graph left behind are removed.

    Raises:
        StorageError: The disk is full or read-only; what was there before still is.
    """
    files = graph.files(path.name)
    write_together({path.parent / name: content for name, content in files.items()})
    if graph.weights is None:
        remove_weights(path)
    remember(files[path.name], path.parent, tuple(files.keys() - {path.name}))


def remove_graph(path: Path) -> None:
    """Remove a graph and what lies beside it, if they are there."""
    path.unlink(missing_ok=True)
    remove_weights(path)


def remove_weights(path: Path) -> None:
    """Remove what lies beside a graph, if anything does."""
    path.with_name(path.name + WEIGHTS_SUFFIX).unlink(missing_ok=True)


def _require_opset(proto: onnx.ModelProto, wanted: int, exporter: Exporter) -> None:
    """Refuse a graph in operators that somebody's runtime may not have: it was asked for less."""
    written = max(entry.version for entry in proto.opset_import if entry.domain == _STANDARD)
    if written != wanted:
        raise ExportError(
            f"torch's {exporter} exporter wrote opset {written} where {wanted} was asked for",
            hint=f"--opset {written}, or another --exporter",
        )


def _strip(traced: ir.Model) -> None:
    """Remove what exporters note about modules, source lines and themselves."""
    passes.ClearMetadataAndDocStringPass()(traced)
    for value in _values(traced.graph):
        value.metadata_props.clear()
        value.doc_string = None


def _values(graph: ir.Graph) -> Iterator[ir.Value]:
    yield from graph.inputs
    yield from graph.initializers.values()
    for node in graph.all_nodes():
        yield from node.outputs
