"""`golden.safetensors`: inputs and what the trained model answered to them. Needs no torch."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from zoo.errors import DamagedFileError, RunError

if TYPE_CHECKING:
    from zoo.recipes import TargetKind

GOLDEN_FILE = Path("golden.safetensors")
FORMAT = 1

_PIXELS, _FACTS = "pixel_values", "golden"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GoldenTarget:
    """What the trained model answers to N inputs for one target."""

    name: str
    kind: TargetKind
    output: str
    """What the ONNX graph calls it."""
    names: tuple[str, ...]
    """Of the K outputs: classes, labels or columns."""
    thresholds: tuple[float, ...] | None
    """Of labels: the probability above which each is given."""
    float32: NDArray[np.float32]
    """[N, K]"""
    float64: NDArray[np.float64]
    """[N, K]; of the same network in float64."""
    bound: NDArray[np.float64]
    """[N, K]; how far a correct program may be from `float32`."""

    def __post_init__(self) -> None:
        wide = (len(self.float32), len(self.names))
        if not self.float32.shape == self.float64.shape == self.bound.shape == wide:
            raise ValueError(f"the answers for {self.name!r} have other shapes than {wide}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Golden:
    """The whole file."""

    pixel_values: NDArray[np.float32]
    """[N, 3, size, size], in the network's own format."""
    inputs: tuple[str, ...]
    """What the N inputs are called; edge inputs in parentheses."""
    targets: tuple[GoldenTarget, ...]
    weights_sha256: str
    """Of the weights that answered."""
    device: str
    """Where they did."""
    versions: dict[str, str]
    """Of what they were computed with."""

    def __post_init__(self) -> None:
        counts = {len(self.pixel_values), *(len(target.float32) for target in self.targets)}
        if not self.inputs or not self.targets or counts != {len(self.inputs)}:
            raise ValueError(
                f"{len(self.inputs)} inputs have {sorted(counts)} pictures and answers"
            )


def to_bytes(golden: Golden) -> bytes:
    """Write the file's content: the same golden, the same bytes.

    All facts are one entry of the metadata, since safetensors keeps no order among several.
    """
    tensors: dict[str, NDArray[Any]] = {_PIXELS: golden.pixel_values}
    for at, target in enumerate(golden.targets):
        for part in _PARTS:
            tensors[f"{at}.{part}"] = getattr(target, part)
    facts = {
        "format": FORMAT,
        "inputs": golden.inputs,
        "weights_sha256": golden.weights_sha256,
        "device": golden.device,
        "versions": golden.versions,
        "targets": [
            {field: getattr(target, field) for field in _FIELDS} for target in golden.targets
        ],
    }
    text = json.dumps(facts, ensure_ascii=False, sort_keys=True, allow_nan=False)
    tensors = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
    return save(tensors, metadata={_FACTS: text})


def read_golden(path: Path) -> Golden:
    """Read the file.

    Raises:
        DamagedFileError: It is not what zoo writes.
        RunError: It is of a format that this version does not know.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            facts = json.loads((file.metadata() or {})[_FACTS])
            if facts["format"] == FORMAT:
                return _build(facts, file.get_tensor)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as cause:
        raise DamagedFileError(path, str(cause), hint=_AGAIN) from cause
    raise RunError(
        f"{path} has format {facts['format']}; this version of zoo reads {FORMAT}",
        hint="upgrade zoo, or export the model again with this version",
    )


_FIELDS = ("name", "kind", "output", "names", "thresholds")
_PARTS = ("float32", "float64", "bound")
_AGAIN = "copy it again, or let `zoo export` write it anew"


def _build(facts: dict[str, Any], tensor: Callable[[str], NDArray[Any]]) -> Golden:
    return Golden(
        pixel_values=tensor(_PIXELS),
        inputs=tuple(facts["inputs"]),
        targets=tuple(
            GoldenTarget(
                name=entry["name"],
                kind=entry["kind"],
                output=entry["output"],
                names=tuple(entry["names"]),
                thresholds=None if entry["thresholds"] is None else tuple(entry["thresholds"]),
                **{part: tensor(f"{at}.{part}") for part in _PARTS},
            )
            for at, entry in enumerate(facts["targets"])
        ),
        weights_sha256=facts["weights_sha256"],
        device=facts["device"],
        versions=facts["versions"],
    )
