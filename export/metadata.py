"""What an ONNX file says about itself, by documented key; and how that is read back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
import torch
from pydantic import TypeAdapter, ValidationError

from export.exporters import Exporter
from export.interface import name_outputs
from zoo.errors import ExportError
from zoo.inputs.contract import Preprocess
from zoo.model import TrainedModel, weights_sha256
from zoo.storage import parse_json
from zoo.targets import Target, ValueTarget
from zoo.versions import zoo_version

TASKS = {
    "class": "image-classification",
    "labels": "image-multi-label",
    "value": "image-regression",
}
"""What a network with one target of a kind does; one with several is `image-multi-task`."""


KEYS = (
    *("zoo.format", "zoo.task", "zoo.targets", "zoo.labels", "zoo.calibration", "zoo.preprocess"),
    *("zoo.backbone", "zoo.base", "zoo.weights_license", "zoo.weights_sha256"),
    *("zoo.data_fingerprint", "zoo.version", "zoo.exporter", "zoo.dynamic_size", "zoo.versions"),
)
"""All that any file may say of itself; `docs/files.md` tells what each holds."""
RAW_KEYS = ("zoo.raw", "zoo.answers")
"""What one with preprocessing inside says besides."""
PRECISION_KEYS = ("zoo.precision",)
"""What one in fewer bits says besides."""


def describe(model: TrainedModel, folder: Path) -> dict[str, str]:
    """Collect what any export of a model folder says about itself; lists and tables as JSON."""
    config = model.config
    targets = config.targets
    facts: dict[str, object] = {
        "zoo.format": 2,
        "zoo.task": TASKS[targets[0].kind] if len(targets) == 1 else "image-multi-task",
        "zoo.targets": _describe_targets(targets),
        "zoo.calibration": {name: fit.temperature for name, fit in config.calibration.items()},
        "zoo.preprocess": _describe_preprocess(config.preprocess),
        "zoo.backbone": config.backbone.name,
        "zoo.base": config.base,
        "zoo.weights_license": config.backbone.weights.license,
        "zoo.weights_sha256": weights_sha256(folder),
        "zoo.data_fingerprint": config.data_fingerprint,
        "zoo.version": config.zoo_version,
    }
    if len(targets) == 1 and not isinstance(targets[0], ValueTarget):
        facts["zoo.labels"] = targets[0].classes
    return _write(facts)


def describe_export(exporter: Exporter, *, dynamic_size: bool) -> dict[str, str]:
    """Collect what an export says about how it was made, which the model folder does not imply."""
    release = torch.__version__.partition("+")[0]
    versions = {"onnx": onnx.__version__, "torch": release, "zoo": zoo_version()}
    return _write(
        {"zoo.exporter": exporter, "zoo.dynamic_size": dynamic_size, "zoo.versions": versions}
    )


def has_dynamic_size(metadata: Mapping[str, str]) -> bool:
    """Tell whether a file says that it takes images of any height and width."""
    return metadata.get("zoo.dynamic_size") == "true"


def read_targets(metadata: Mapping[str, str]) -> dict[str, Target]:
    """Read what a file answers: each target by the name of its output.

    Raises:
        ExportError: zoo did not write this.
    """
    found = {}
    try:
        for entry in _read(metadata, "zoo.targets"):
            output = entry.pop("output")
            target: Target = TypeAdapter(Target).validate_python(entry)
            found[output] = target
    except (ValidationError, AttributeError, KeyError, TypeError) as cause:
        raise _not_ours(f"its zoo.targets cannot be read: {cause}") from cause
    return found


def read_preprocess(metadata: Mapping[str, str]) -> Preprocess:
    """Read what turns an image file into a file's input.

    Raises:
        ExportError: zoo did not write this.
    """
    facts = _read(metadata, "zoo.preprocess")
    try:
        contract = {key: value for key, value in facts.items() if key not in _FIXED}
        found: Preprocess = TypeAdapter(Preprocess).validate_python(contract)
    except (ValidationError, AttributeError) as cause:
        raise _not_ours(f"its zoo.preprocess cannot be read: {cause}") from cause
    return found


_FIXED: Mapping[str, object] = {"channels": "RGB", "antialias": True}
"""Parts of the preprocessing that are the same for every model."""


def _describe_preprocess(contract: Preprocess) -> dict[str, object]:
    return {**_FIXED, **TypeAdapter(Preprocess).dump_python(contract, mode="json")}


def _describe_targets(targets: Sequence[Target]) -> list[dict[str, object]]:
    """List the targets with all their fields, each with the name of its output."""
    adapter: TypeAdapter[Target] = TypeAdapter(Target)
    return [
        {"output": output, **adapter.dump_python(target, mode="json")}
        for target, output in zip(targets, name_outputs(targets).values(), strict=True)
    ]


def _write(facts: Mapping[str, object]) -> dict[str, str]:
    return {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in sorted(facts.items())
    }


def _read(metadata: Mapping[str, str], key: str) -> Any:
    """Parse one entry of the metadata."""
    if key not in metadata:
        raise _not_ours(f"it has no {key} in its metadata")
    try:
        return parse_json(metadata[key])
    except ValueError as cause:
        raise _not_ours(f"its {key} is no JSON") from cause


def _not_ours(reason: str) -> ExportError:
    return ExportError(
        f"this ONNX file was not made by zoo as it is now: {reason}",
        hint="use a file that `zoo export` wrote; an older one is made anew by it",
    )
