"""Pixels in, answers out: preprocessing, network and what its outputs mean in one graph."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import GraphProto, NodeProto, TensorProto, compose, helper, numpy_helper

from export.hostile.examine import DOMAINS
from export.interface import BATCH, INPUT, name_outputs
from export.preprocessing import IMAGES, build_preprocess
from zoo.errors import ExportError
from zoo.inputs.contract import Preprocess
from zoo.targets import ClassTarget, LabelsTarget, Target

PREFIX = "answer/"
"""Of the names of all nodes and tensors between the network and the answers."""

ANSWERS: Mapping[str, tuple[str, ...]] = {
    "class": ("probabilities", "indices"),
    "labels": ("probabilities", "present"),
    "value": ("values",),
}
"""What each kind of target is answered with, [batch_size, K] each: probabilities and values in
the target's own order, the classes' indices in falling order of probability, and whether a label
is above its threshold."""

ANSWER_TYPES: Mapping[str, int] = {
    "probabilities": TensorProto.FLOAT,
    "indices": TensorProto.INT64,
    "present": TensorProto.BOOL,
    "values": TensorProto.FLOAT,
}
"""The element type of each answer."""


def embed_preprocessing(
    network: onnx.ModelProto,
    contract: Preprocess,
    targets: Sequence[Target],
    metadata: Mapping[str, str],
) -> onnx.ModelProto:
    """Put the preprocessing before a network, and behind it what its outputs mean.

    The network's nodes and weights stay as they are; `pixel_values` is the tensor between.
    Its temperature is part of its weights, so that softmax and sigmoid give its probabilities.

    Args:
        network: The exported network, of float32 inputs and outputs.
        contract: What turns an image into its input.
        targets: What it answers.
        metadata: What the network's file says about itself.

    Raises:
        ExportError: The opset's Resize cannot antialias, or the network takes other images.
    """
    _require_input(network, contract.size)
    opset = max(entry.version for entry in network.opset_import if entry.domain in DOMAINS)
    front = build_preprocess(contract, opset, network.ir_version).graph
    finals = [name for found in name_answers(targets).values() for name in found.values()]
    middle, prefix = _without_clashes(network.graph, {IMAGES, *finals})
    logits = {target: prefix + output for target, output in name_outputs(targets).items()}
    back = _build_answers(targets, logits)
    graph = compose.merge_graphs(front, middle, [(INPUT, INPUT)])
    graph = compose.merge_graphs(
        graph, back, [(name, name) for name in logits.values()], name="raw", doc_string=""
    )
    for value in graph.value_info:
        value.ClearField("metadata_props")
    raw = helper.make_model(
        graph,
        opset_imports=network.opset_import,
        ir_version=network.ir_version,
        functions=network.functions,
        producer_name=network.producer_name,
        producer_version=network.producer_version,
    )
    helper.set_model_props(raw, describe_raw(metadata, targets))
    return raw


def name_answers(targets: Sequence[Target]) -> dict[str, dict[str, str]]:
    """Name the outputs of a raw graph: by target, what each answer is called.

    Those of an only target bear the answer's own name; of several, the network's output's too.
    """
    outputs = name_outputs(targets)
    return {
        target.name: {
            answer: answer if len(targets) == 1 else f"{outputs[target.name]}_{answer}"
            for answer in ANSWERS[target.kind]
        }
        for target in targets
    }


def describe_raw(metadata: Mapping[str, str], targets: Sequence[Target]) -> dict[str, str]:
    """Say of a raw graph what its network's file says, and what it answers with."""
    answers = json.dumps(name_answers(targets), ensure_ascii=False)
    return dict(sorted({**metadata, "zoo.raw": "true", "zoo.answers": answers}.items()))


def _require_input(network: onnx.ModelProto, size: int) -> None:
    """Make sure that the network takes what the preprocessing makes; a free side takes it too."""
    shapes = {value.name: value.type.tensor_type.shape.dim for value in network.graph.input}
    sides = [axis.dim_value for axis in shapes.get(INPUT, ())][2:]
    if len(sides) != 2 or not set(sides) <= {0, size}:
        raise ExportError(
            f"the network takes {sorted(shapes)} with sides {sides}, the preprocessing makes "
            f"{INPUT} of {size} x {size} pixels",
            hint="export the network and its preprocessing from the same model folder",
        )


def _without_clashes(graph: GraphProto, taken: set[str]) -> tuple[GraphProto, str]:
    """Rename the network's tensors if one bears a name that is taken, as a target's may.

    Returns:
        The graph, and what its outputs' names now begin with.
    """
    if not taken.intersection(_names(graph)):
        return graph, ""
    prefix = "network/"
    return compose.add_prefix_graph(graph, prefix, rename_inputs=False), prefix


def _names(graph: GraphProto) -> Iterator[str]:
    """List the names of all tensors of a graph, but not those within its sub-graphs."""
    yield from (tensor.name for tensor in graph.initializer)
    yield from (name for node in graph.node for name in node.output)


def _build_answers(targets: Sequence[Target], logits: Mapping[str, str]) -> GraphProto:
    """Turn the outputs of a network, whatever they are called, into answers."""
    names = name_answers(targets)
    nodes, constants = [], []
    for target in targets:
        stem = f"{PREFIX}{name_outputs(targets)[target.name]}/"
        nodes += list(_answer(target, logits[target.name], names[target.name], stem))
        constants += list(_constants(target, stem))
    inputs = [(logits[target.name], TensorProto.FLOAT, target.num_outputs) for target in targets]
    outputs = [
        (name, ANSWER_TYPES[answer], target.num_outputs)
        for target in targets
        for answer, name in names[target.name].items()
    ]
    return helper.make_graph(nodes, "answers", _declare(inputs), _declare(outputs), constants)


def _answer(
    target: Target, logits: str, names: Mapping[str, str], stem: str
) -> Iterator[NodeProto]:
    """Write the nodes that answer for one target."""

    def node(operator: str, inputs: list[str], *outputs: str, **attributes: Any) -> NodeProto:
        name = stem + operator
        return helper.make_node(operator, inputs, outputs, name=name, **attributes)

    if isinstance(target, ClassTarget):
        probabilities, indices = names["probabilities"], names["indices"]
        yield node("Softmax", [logits], probabilities, axis=-1)
        yield node("TopK", [probabilities, stem + "k"], stem + "sorted", indices)
    elif isinstance(target, LabelsTarget):
        yield node("Sigmoid", [logits], names["probabilities"])
        # Logits tell apart what probabilities near 1 no longer do.
        yield node("Greater", [logits, stem + "cuts"], names["present"])
    else:
        yield node("Identity", [logits], names["values"])


def _constants(target: Target, stem: str) -> Iterator[TensorProto]:
    if isinstance(target, ClassTarget):
        yield numpy_helper.from_array(np.array([target.num_outputs]), stem + "k")
    elif isinstance(target, LabelsTarget):
        cuts = np.array(target.cuts)
        with np.errstate(divide="ignore"):
            logits = np.log(cuts) - np.log1p(-cuts)
        yield numpy_helper.from_array(logits.astype(np.float32), stem + "cuts")


def _declare(values: Iterable[tuple[str, int, int]]) -> list[onnx.ValueInfoProto]:
    return [
        helper.make_tensor_value_info(name, kind, [BATCH, width]) for name, kind, width in values
    ]
