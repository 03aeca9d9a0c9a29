"""The network exported once more, with the exporter's notes of which module computes what."""

from __future__ import annotations

import ast

import onnx_ir as ir

from export.exporters import trace_graph
from zoo.model import TrainedModel

_SCOPES = "pkg.torch.onnx.name_scopes"
"""Where the exporter notes the paths of the modules that a node comes from, the outermost first,
and behind them the name of the operation (`torch/onnx/_internal/exporter/_core.py`)."""
_ROOT = "network"


def export_fresh(model: TrainedModel, opset: int) -> ir.Model:
    """Export a network as `export_graph` does, and keep what the exporter notes.

    Raises:
        ExportError: The exporter refuses the network.
    """
    return trace_graph(model, opset)


def owners_of(fresh: ir.Model) -> dict[ir.Node, str]:
    """Tell of each node by which module, named by its path, it is computed.

    A node that the exporter made up itself belongs where its input comes from.
    """
    found: dict[ir.Node, str] = {}
    for node in fresh.graph:
        noted = _noted_owner(node)
        before = (value.producer() for value in node.inputs if value is not None)
        inherited = next((found[made] for made in before if made in found), "")
        found[node] = inherited if noted is None else noted
    return found


def _noted_owner(node: ir.Node) -> str | None:
    noted = node.metadata_props.get(_SCOPES)
    if noted is None:
        return None
    scopes = ast.literal_eval(noted)[:-1]
    paths = [path for path in scopes if path == _ROOT or path.startswith(f"{_ROOT}.")]
    return paths[-1].removeprefix(_ROOT).removeprefix(".") if paths else None
