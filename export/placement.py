"""Which node ran where: ONNX Runtime's own word, and which of it is arithmetic on sizes.

ONNX Runtime keeps the arithmetic on sizes of a GPU session on the CPU by design
(microsoft/onnxruntime#17930). What that is, is told by where a node's inputs come from and not
by its operator: adding two sizes is, adding two feature maps is not.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import onnx
import onnxruntime

PlacementSource = Literal["session", "profile"]

_MADE_UP = frozenset(("MemcpyFromHost", "MemcpyToHost", "Shape", "Size"))
"""Operators that compute nothing whatever they read: they move a tensor between devices, or tell
its sizes. Of a node that is not the file's, a session tells the operator and not its inputs, so
that any other may be one that reads feature maps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedNode:
    """One node of a session's graph."""

    name: str
    operator: str
    provider: str

    def __str__(self) -> str:
        return f"{self.operator} ({self.name})" if self.name else self.operator


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePlacement:
    """Where ONNX Runtime put the nodes of a graph."""

    by_provider: dict[str, dict[str, int]]
    """Nodes by execution provider and operator."""

    def count(self, provider: str) -> int:
        """Count the nodes of one provider."""
        return sum(self.by_provider.get(provider, {}).values())


def can_ask(session: onnxruntime.InferenceSession) -> bool:
    """Tell whether a session knows where it put its nodes: since ONNX Runtime 1.24."""
    return hasattr(session, "get_provider_graph_assignment_info")


def ask_session(session: onnxruntime.InferenceSession) -> list[PlacedNode]:
    """Ask a session which provider each node was given to."""
    return [
        PlacedNode(name=node.name, operator=node.op_type, provider=part.ep_name)
        for part in session.get_provider_graph_assignment_info()
        for node in part.get_nodes()
    ]


def read_profile(text: str) -> list[PlacedNode]:
    """Find in the profile of one run or several which provider ran each node."""
    found = {}
    for event in json.loads(text):
        name, args = event.get("name", ""), event.get("args", {})
        if event.get("cat") == "Node" and name.endswith(_RAN) and "provider" in args:
            name = name.removesuffix(_RAN)
            # Nodes may share a name; each has an index of its own.
            found[name, args.get("node_index")] = PlacedNode(
                name=name, operator=args.get("op_name", ""), provider=args["provider"]
            )
    return list(found.values())


_RAN = "_kernel_time"


def count_nodes(nodes: Iterable[PlacedNode]) -> NodePlacement:
    """Count nodes by provider and operator."""
    found: dict[str, Counter[str]] = {}
    for node in nodes:
        found.setdefault(node.provider, Counter())[node.operator] += 1
    return NodePlacement(
        by_provider={name: dict(sorted(nodes.items())) for name, nodes in found.items()}
    )


def split_off(
    nodes: Iterable[PlacedNode], wanted: str, proto: onnx.ModelProto
) -> tuple[list[PlacedNode], list[PlacedNode]]:
    """Split what is not on the wanted provider into arithmetic on sizes and strays.

    A node that is not the file's, since ONNX Runtime made it up, merged it of others or had to
    name it, is a stray unless its operator alone says that it computes nothing.

    Args:
        nodes: Those of a session's graph.
        wanted: The provider.
        proto: The graph as the file holds it.
    """
    on_sizes = find_shape_arithmetic(proto.graph)
    known = {node.name for node in proto.graph.node if node.name}
    allowed: list[PlacedNode] = []
    strays: list[PlacedNode] = []
    for node in nodes:
        if node.provider != wanted:
            fine = node.name in on_sizes or (node.name not in known and node.operator in _MADE_UP)
            (allowed if fine else strays).append(node)
    return allowed, strays


def find_shape_arithmetic(graph: onnx.GraphProto) -> set[str]:
    """Name the nodes that compute nothing but sizes; those without a name of their own are none.

    A size is what `Shape` and `Size` tell, a constant scalar or list, and what is computed of
    nothing but sizes. Weights are no sizes, so that a network's own constants stay on the GPU.
    """
    sizes = {tensor.name for tensor in graph.initializer if len(tensor.dims) <= 1} | {""}
    found, others = set(), {""}
    for node in graph.node:
        inside = any(a.type == onnx.AttributeProto.GRAPH for a in node.attribute)
        tells = node.op_type in ("Shape", "Size") or _is_short_constant(node)
        if tells or (node.input and not inside and sizes.issuperset(node.input)):
            sizes.update(node.output)
            found.add(node.name)
        else:
            others.add(node.name)
    return found - others


def _is_short_constant(node: onnx.NodeProto) -> bool:
    """Tell whether a node is a constant scalar or list; it has a single attribute."""
    if node.op_type != "Constant":
        return False
    return all(a.type != onnx.AttributeProto.TENSOR or len(a.t.dims) <= 1 for a in node.attribute)
