"""What an exported graph has otherwise than a fresh export of the same network, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
import onnx
import onnx_ir as ir

from export.locate.tensors import describe_change

_LISTED = 3
"""Differences that are told; a graph of another network has hundreds."""


@dataclass(frozen=True, slots=True)
class Change:
    """One node that is not as in the fresh export."""

    node: ir.Node
    """Of the file, or of the fresh export where the file lacks it."""
    places: tuple[ir.Node, ...]
    """Nodes of the fresh export whose modules are to blame; of a node that reads another tensor,
    the two that should be joined."""
    text: str


def find_changes(
    region: Sequence[ir.Node], fresh_region: Sequence[ir.Node], fresh: ir.Graph
) -> list[Change]:
    """Compare the nodes of a region with those of the same tensors in a fresh export.

    Args:
        region: Nodes of the file, in the order of computation.
        fresh_region: What a fresh export has between the same tensors.
        fresh: All of it.
    """
    made = {value.name: node for node in fresh for value in node.outputs}
    known = [(node, made.get(node.outputs[0].name)) for node in region]
    extra = [node for node, counterpart in known if counterpart is None]
    names = {node.outputs[0].name for node in region}
    lost = [node for node in fresh_region if node.outputs[0].name not in names]
    found = [
        Change(node, (node,), f"{_title(node)} is missing") for node in _drop_moved(lost, extra)
    ]
    for node, counterpart in known:
        if counterpart is not None:
            found += _compare(node, counterpart, extra)
    return found or [Change(node, (), f"{_title(node)} is extra") for node in extra]


def tell(changes: Sequence[Change]) -> str | None:
    """Put differences behind each other, the first few."""
    more = f"; and {len(changes) - _LISTED} more" if len(changes) > _LISTED else ""
    return "; ".join(change.text for change in changes[:_LISTED]) + more or None


def _drop_moved(lost: Sequence[ir.Node], extra: Sequence[ir.Node]) -> Iterator[ir.Node]:
    """Leave out what only has another name in the file."""
    for node in lost:
        if not any(_computes_the_same(other, node) for other in extra):
            yield node


def _compare(node: ir.Node, fresh: ir.Node, extra: Sequence[ir.Node]) -> Iterator[Change]:
    title = _title(node)
    if node.op_type != fresh.op_type:
        behind = any(_computes_the_same(other, fresh) for other in extra)
        manner = f"added behind {fresh.op_type}" if behind else f"instead of {fresh.op_type}"
        yield Change(node, (fresh,), f"{title} {manner}")
        return
    ours, theirs = _attributes(node), _attributes(fresh)
    for name in sorted(ours.keys() | theirs.keys()):
        mine, clean = ours.get(name), theirs.get(name)
        if mine != clean:
            text = f"{title}: {name} is {_show(mine)} instead of {_show(clean)}"
            yield Change(node, (fresh,), text)
    for mine, clean in zip_longest(node.inputs, fresh.inputs):
        yield from _compare_input(node, fresh, mine, clean)


def _compare_input(
    node: ir.Node, fresh: ir.Node, mine: ir.Value | None, clean: ir.Value | None
) -> Iterator[Change]:
    found, wanted = _constant(mine), _constant(clean)
    if found is not None and wanted is not None:
        if change := describe_change(found, wanted):
            yield Change(node, (fresh,), f"{_title(node)}: {_name(clean)} {change}")
    elif _name(mine) != _name(clean):
        maker = None if clean is None else clean.producer()
        places = (fresh,) if maker is None else (fresh, maker)
        text = f"{_title(node)}: reads {_name(mine)} instead of {_name(clean)}"
        yield Change(node, places, text)


def _computes_the_same(node: ir.Node, other: ir.Node) -> bool:
    return (
        node.op_type == other.op_type
        and [_name(value) for value in node.inputs] == [_name(value) for value in other.inputs]
        and _attributes(node) == _attributes(other)
    )


def _title(node: ir.Node) -> str:
    return f"{node.op_type} ({node.outputs[0].name})"


def _name(value: ir.Value | None) -> str:
    return "nothing" if value is None else str(value.name)


def _constant(value: ir.Value | None) -> np.ndarray | None:
    if value is None or value.const_value is None:
        return None
    return value.const_value.numpy()


def _attributes(node: ir.Node) -> Mapping[str, object]:
    """List all attributes, with their defaults where the operator has any."""
    found: dict[str, object] = {}
    if onnx.defs.has(node.op_type, node.domain):
        schema = onnx.defs.get_schema(node.op_type, domain=node.domain)
        for name, declared in schema.attributes.items():
            if declared.default_value.type != onnx.AttributeProto.UNDEFINED:
                found[name] = _plain(onnx.helper.get_attribute_value(declared.default_value))
    return found | {name: _plain(entry.value) for name, entry in node.attributes.items()}


def _plain(value: object) -> object:
    """Bring an attribute's value into a form that can be compared and printed."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, float):
        return float(f"{value:.7g}")
    if isinstance(value, list | tuple):
        return tuple(_plain(entry) for entry in value)
    if isinstance(value, ir.TensorProtocol):
        return value.numpy().tobytes()
    return value


def _show(value: object) -> str:
    return "nothing" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
