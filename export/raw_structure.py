"""L0 of a graph with preprocessing inside: as of any graph, with the interface of a raw one."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import TensorProto

from export.finding import Finding
from export.interface import BATCH, HEIGHT, WIDTH
from export.metadata import read_targets
from export.preprocessing import IMAGES
from export.raw import ANSWER_TYPES, name_answers
from export.structure import examine_graph


def examine_raw_graph(
    proto: onnx.ModelProto, expected: dict[str, str], path: Path | None = None
) -> tuple[Finding, ...]:
    """Examine a raw graph without running it.

    Args:
        proto: The graph.
        expected: The metadata that the model folder implies, as `describe_raw` gives it.
        path: Where its file is, if weights may lie beside it.
    """
    interface = _check_interface(proto, expected)
    return tuple(
        interface if finding.name == interface.name else finding
        for finding in examine_graph(proto, expected, path)
    )


def _check_interface(proto: onnx.ModelProto, expected: dict[str, str]) -> Finding:
    """Compare names, order, types and axes of input and outputs with what zoo promises."""
    targets = {target.name: target for target in read_targets(expected).values()}
    promised: list[tuple[str, int, list[str | int]]] = [
        (IMAGES, TensorProto.UINT8, [BATCH, HEIGHT, WIDTH, 3])
    ]
    for name, answers in name_answers(tuple(targets.values())).items():
        axes: list[str | int] = [BATCH, targets[name].num_outputs]
        promised += [(called, ANSWER_TYPES[answer], axes) for answer, called in answers.items()]
    found = [
        (
            value.name,
            value.type.tensor_type.elem_type,
            [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim],
        )
        for value in (*proto.graph.input, *proto.graph.output)
    ]
    told = ", ".join(f"{name} {shape}" for name, _, shape in found)
    passed = found == promised and len(proto.graph.input) == 1
    return Finding(name="interface", passed=passed, detail=told)
