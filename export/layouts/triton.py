"""A model of a Triton (or KServe) model repository: configuration, labels, numbered version."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import onnx

from export.layouts.folder import appearing, copy_graph, open_proved
from export.metadata import read_targets
from zoo.errors import ExportError
from zoo.targets import Target, ValueTarget


@dataclass(frozen=True, slots=True, kw_only=True)
class TritonSettings:
    """How Triton is to serve a model."""

    max_batch_size: int = 32
    """Requests are joined up to so many images; at least 1."""
    preferred_batch_sizes: tuple[int, ...] = ()
    """Sizes to wait for. Triton's manual advises against any, except for engines that were
    built for certain sizes."""
    max_queue_delay_us: int = 0
    """How long a request may wait for others, microseconds."""
    instances: Literal["gpu", "cpu"] | None = None
    """Where copies of the model are to run; None leaves it to the server."""

    def __post_init__(self) -> None:
        if self.max_batch_size < 1 or self.max_queue_delay_us < 0:
            raise ValueError("a batch has at least one image, and a delay is no less than nothing")
        if not all(1 <= size <= self.max_batch_size for size in self.preferred_batch_sizes):
            raise ValueError(f"preferred batch sizes lie between 1 and {self.max_batch_size}")


def write_triton(
    folder: Path,
    place: Path,
    settings: TritonSettings | None = None,
    *,
    unproved: bool = False,
) -> Path:
    """Lay a model out as `REPOSITORY/NAME`, for `tritonserver --model-repository REPOSITORY`.

    Args:
        folder: The model folder.
        place: The folder to make; its name is the model's.
        settings: How it is to be served.
        unproved: Take the model even if no verification of it has passed.

    Raises:
        RunError: The model was not exported yet, or `place` exists.
        ExportError: Triton could not serve it under this name or with these labels.
        VerificationError: Nobody proved that the export is the model that was trained.
        DamagedFileError: The export is not what was written.
    """
    found = open_proved(folder, unproved=unproved)
    labels = _read_labels(found.proto)
    files = {output: _name_labels(output, alone=len(labels) == 1) for output in labels}
    config = describe(found.proto, place.name, files, settings or TritonSettings())
    with appearing(place) as staged:
        copy_graph(found, staged / "1")
        (staged / "config.pbtxt").write_text(config, encoding="utf-8")
        for output, names in labels.items():
            text = "".join(f"{name}\n" for name in names)
            (staged / files[output]).write_text(text, encoding="utf-8")
    return place


def describe(
    proto: onnx.ModelProto, name: str, label_files: Mapping[str, str], settings: TritonSettings
) -> str:
    """Write `config.pbtxt`: names, types and sizes are the graph's own.

    Args:
        proto: The graph.
        name: What Triton calls the model.
        label_files: The file of labels of each output that has any.
        settings: How it is to be served.

    Raises:
        ExportError: The name is none, or the graph takes batches of one size only.
    """
    if not _NAME.fullmatch(name):
        raise ExportError(
            f"{name!r} cannot be the name of a model on a server",
            hint="letters, digits, dots, dashes and underscores; the folder's name is the model's",
        )
    facts = {entry.key: entry.value for entry in proto.metadata_props}
    blocks = [
        f"# {_CONTRACT}",
        f"# {facts.get('zoo.preprocess', 'unknown')}",
        f"name: {_quote(name)}",
        'backend: "onnxruntime"',
        f"max_batch_size: {settings.max_batch_size}",
        *(_describe_tensor("input", value) for value in proto.graph.input),
        *(
            _describe_tensor("output", value, label_files.get(value.name))
            for value in proto.graph.output
        ),
        _describe_batching(settings),
    ]
    if settings.instances is not None:
        blocks.append(f"instance_group {{ kind: KIND_{settings.instances.upper()} }}")
    return "\n".join(blocks) + "\n"


_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_CONTRACT = "What the pixels are (docs/files.md, the preprocessing contract):"
_TYPES: Mapping[int, str] = {
    onnx.TensorProto.FLOAT: "TYPE_FP32",
    onnx.TensorProto.FLOAT16: "TYPE_FP16",
    onnx.TensorProto.UINT8: "TYPE_UINT8",
    onnx.TensorProto.INT64: "TYPE_INT64",
    onnx.TensorProto.BOOL: "TYPE_BOOL",
}


def _describe_tensor(role: str, value: onnx.ValueInfoProto, labels: str | None = None) -> str:
    """Describe an input or an output without its first axis, which is Triton's batch."""
    batch, *axes = value.type.tensor_type.shape.dim
    if not batch.dim_param:
        raise ExportError(
            f"{value.name} takes {batch.dim_value} images at a time and no other number",
            hint="Triton joins requests; export with a dynamic batch",
        )
    dims = ", ".join(str(-1 if axis.dim_param else axis.dim_value) for axis in axes)
    lines = [
        f"name: {_quote(value.name)}",
        f"data_type: {_TYPES[value.type.tensor_type.elem_type]}",
        f"dims: [ {dims} ]",
        *([] if labels is None else [f"label_filename: {_quote(labels)}"]),
    ]
    return f"{role} {{\n" + "".join(f"  {line}\n" for line in lines) + "}"


def _describe_batching(settings: TritonSettings) -> str:
    sizes = ", ".join(map(str, settings.preferred_batch_sizes))
    lines = [
        *([f"preferred_batch_size: [ {sizes} ]"] if sizes else []),
        f"max_queue_delay_microseconds: {settings.max_queue_delay_us}",
    ]
    return "dynamic_batching {\n" + "".join(f"  {line}\n" for line in lines) + "}"


def _read_labels(proto: onnx.ModelProto) -> dict[str, tuple[str, ...]]:
    """List the names of the outputs that have any, a line each in Triton's file of labels.

    Raises:
        ExportError: A name has a line break, which such a file cannot hold.
    """
    targets = read_targets({entry.key: entry.value for entry in proto.metadata_props})
    found = {output: names for output, target in targets.items() if (names := _names(target))}
    broken = [name for names in found.values() for name in names if len(name.splitlines()) != 1]
    if broken:
        raise ExportError(
            f"Triton's labels are a line each, and {broken[0]!r} is more than one",
            hint="train with names of one line, or use --layout standalone",
        )
    return found


def _names(target: Target) -> tuple[str, ...]:
    return () if isinstance(target, ValueTarget) else target.classes


def _name_labels(output: str, *, alone: bool) -> str:
    return "labels.txt" if alone else f"labels_{output}.txt"


def _quote(text: str) -> str:
    return json.dumps(text)
