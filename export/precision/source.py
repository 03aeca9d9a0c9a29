"""The float32 graph that variants are made of, and what every variant shares with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import onnx
from onnx import helper

from export.hostile.examine import DOMAINS
from export.hostile.walk import is_outside
from export.precision.report import Precision
from zoo.errors import ExportError

KEY = "zoo.precision"
"""The metadata's key for what a file computes in; a float32 file has none."""


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A float32 graph, each of whose nodes has a name."""

    proto: onnx.ModelProto
    """Not to be changed."""
    content: bytes
    """The file that it was read from."""

    @property
    def operators(self) -> dict[str, str]:
        """Operator by node, in the order of computing."""
        return {node.name: node.op_type for node in self.proto.graph.node}

    @property
    def makers(self) -> frozenset[str]:
        """The nodes that make an output."""
        outputs = {value.name for value in self.proto.graph.output}
        return frozenset(n.name for n in self.proto.graph.node if outputs.intersection(n.output))

    def copy(self) -> onnx.ModelProto:
        """Give a graph that may be changed."""
        twin = onnx.ModelProto()
        twin.CopyFrom(self.proto)
        return twin

    def show(self, names: Iterator[str] | frozenset[str] | tuple[str, ...]) -> tuple[str, ...]:
        """Write nodes as `Operator (name)`, in the order of computing."""
        wanted = set(names)
        return tuple(f"{op} ({name})" for name, op in self.operators.items() if name in wanted)


def read_source(content: bytes) -> Source:
    """Read a float32 graph.

    Raises:
        ExportError: Its weights lie in another file, or it is no longer in float32.
    """
    proto = onnx.load_from_string(content)
    if any(is_outside(tensor) for tensor in proto.graph.initializer):
        raise ExportError(
            "a network of more than 2 GB is not written in fewer bits",
            hint="leave --precision out",
        )
    if any(entry.key == KEY for entry in proto.metadata_props):
        raise ExportError(
            "this file is in fewer bits already", hint="start from the float32 model.onnx"
        )
    for at, node in enumerate(proto.graph.node):
        node.name = node.name or f"{node.op_type}_{at}"
    return Source(proto, content)


def finish(proto: onnx.ModelProto, source: Source, precision: Precision) -> bytes:
    """Turn a lowered graph into the bytes of a file that says what it is.

    The same graph and versions give the same bytes.

    Raises:
        ExportError: What a converter made is no valid, portable graph.
    """
    del proto.graph.value_info[:]
    used = {node.domain for node in proto.graph.node} | {""}
    kept = [entry for entry in proto.opset_import if entry.domain in used]
    del proto.opset_import[:]
    proto.opset_import.extend(kept)
    facts = {entry.key: entry.value for entry in source.proto.metadata_props}
    helper.set_model_props(proto, dict(sorted({**facts, KEY: precision}.items())))
    try:
        onnx.checker.check_model(proto, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as cause:
        raise _broken(precision, str(cause)) from cause
    if foreign := used - DOMAINS:
        raise _broken(precision, f"operators of {', '.join(sorted(foreign))}")
    content: bytes = proto.SerializeToString(deterministic=True)
    return content


def _broken(precision: Precision, reason: str) -> ExportError:
    return ExportError(
        f"the graph that was converted to {precision} is not valid: {reason}",
        hint="export without this precision; another version of ONNX Runtime may convert it",
    )
