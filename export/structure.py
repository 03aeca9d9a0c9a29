"""Level 0: is a file a valid, portable graph, and does it say of itself what is true?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import onnx

from export.finding import Finding
from export.hostile.examine import DOMAINS
from export.interface import BATCH, HEIGHT, INPUT, WIDTH
from export.metadata import has_dynamic_size, read_preprocess, read_targets
from export.privacy import find_leaks
from export.weights_beside import WEIGHTS_SUFFIX, find_misplaced


def examine_graph(
    proto: onnx.ModelProto, expected: dict[str, str], path: Path | None = None
) -> tuple[Finding, ...]:
    """Examine a graph without running it.

    Args:
        proto: The graph, without the weights that lie beside it.
        expected: The metadata that the model folder implies.
        path: Where its file is, if weights may lie beside it; without one, all of them have
            to be inside.
    """
    return (
        _check_validity(proto, path),
        _check_domains(proto),
        _check_interface(proto, expected),
        _check_self_containment(proto, path),
        _check_privacy(proto),
        _check_metadata(proto, expected),
    )


def _check_validity(proto: onnx.ModelProto, path: Path | None) -> Finding:
    """Run ONNX's own checker with full type and shape inference.

    Only by its path does it find what lies beside a file.
    """
    try:
        onnx.checker.check_model(str(path) if path else proto, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        return Finding(name="valid", passed=False, detail=str(error))
    opset = max(entry.version for entry in proto.opset_import if entry.domain in DOMAINS)
    return Finding(name="valid", passed=True, detail=f"opset {opset}, IR {proto.ir_version}")


def _check_domains(proto: onnx.ModelProto) -> Finding:
    """Find operators that only one runtime knows."""
    foreign = {node.domain for node in _nodes(proto.graph)} - DOMAINS
    passed = not foreign and not proto.functions
    detail = ", ".join(sorted(foreign)) or "standard operators only"
    return Finding(name="portable", passed=passed, detail=detail)


def _check_interface(proto: onnx.ModelProto, expected: dict[str, str]) -> Finding:
    """Compare names, order, types and axes of input and outputs with what zoo promises.

    An image's height and width are free only where the file says so.
    """
    size = read_preprocess(expected).size
    metadata = {entry.key: entry.value for entry in proto.metadata_props}
    image: list[str | int] = [HEIGHT, WIDTH] if has_dynamic_size(metadata) else [size, size]
    inputs, outputs = (
        {value.name: _axes(value) for value in values}
        for values in (proto.graph.input, proto.graph.output)
    )
    promised = {
        output: [BATCH, target.num_outputs] for output, target in read_targets(expected).items()
    }
    values = (*proto.graph.input, *proto.graph.output)
    passed = (
        inputs == {INPUT: [BATCH, 3, *image]}
        and list(outputs.items()) == list(promised.items())
        and all(v.type.tensor_type.elem_type == onnx.TensorProto.FLOAT for v in values)
    )
    return Finding(name="interface", passed=passed, detail=f"{inputs} -> {outputs}")


def _check_self_containment(proto: onnx.ModelProto, path: Path | None) -> Finding:
    """Find weights that lie elsewhere than in the file, or in the one beside it."""
    misplaced = list(find_misplaced(proto, path))
    count = len(proto.graph.initializer)
    where = "inside" if path is None else f"inside and in {path.name}{WEIGHTS_SUFFIX}"
    detail = "; ".join(misplaced[:5]) or f"{count} tensors {where}"
    return Finding(name="self-contained", passed=not misplaced, detail=detail)


def _check_privacy(proto: onnx.ModelProto) -> Finding:
    """Find what exporters leave behind of the machine, its user and the hour."""
    leaks = list(find_leaks(proto))
    detail = leaks[0][:200] if leaks else "no path, source line, user or time"
    return Finding(name="private", passed=not leaks, detail=detail)


def _check_metadata(proto: onnx.ModelProto, expected: dict[str, str]) -> Finding:
    """Compare targets, preprocessing and the weights' hash with the model folder's."""
    found = {entry.key: entry.value for entry in proto.metadata_props}
    wrong = [key for key, value in expected.items() if found.get(key) != value]
    detail = f"differs in {', '.join(wrong)}" if wrong else "targets, preprocessing, weights' hash"
    return Finding(name="metadata", passed=not wrong, detail=detail)


def _axes(value: onnx.ValueInfoProto) -> list[str | int]:
    return [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Walk all nodes, those of sub-graphs too."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _nodes(attribute.g)
