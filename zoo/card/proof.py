"""What `verification.json` proves of the ONNX file that lies beside it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo.errors import DamagedFileError
from zoo.hub.plan import read_doubt
from zoo.hub.proof import REPORT
from zoo.manifest import check_file
from zoo.storage import read_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """A file in fewer bits, and what it costs."""

    name: str
    """`fp16` or `int8`."""
    kept: bool
    """Whether it is within its budget."""
    max_drop: float
    """The budget: points that each target may lose."""
    size_bytes: float
    size_float32_bytes: float
    targets: Mapping[str, Mapping[str, Any]]
    """By target: `metric`, `metric_float32`, `metric_variant`, `drop`, `agreement`."""
    latency_ratio: float
    """Time of one image over float32's, where it was measured; NaN if it was not."""
    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """How an ONNX file stands to the trained model."""

    doubt: str = ""
    """Why the model counts as unverified, as the end of a sentence about it; empty if it is
    proved."""
    levels: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Each level's figures as `verification.json` has them, by name."""
    precisions: tuple[Precision, ...] = ()
    device: str = ""
    """`cpu` or `cuda`, and what it is called."""
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def verified(self) -> bool:
        """Whether the very file that is here passed."""
        return not self.doubt


def read_proof(folder: Path) -> Proof:
    """Read what is known of a model folder's ONNX file.

    Raises:
        DamagedFileError: The manifest or the report is not what was written.
    """
    doubt = read_doubt(folder)
    if not (folder / REPORT).exists():
        return Proof(doubt=doubt)
    path = check_file(folder, REPORT)
    report = read_json(path)
    if not isinstance(report, dict) or not isinstance(report.get("levels"), dict):
        raise DamagedFileError(path, "not a verification report")
    return Proof(
        doubt=doubt,
        levels={name: level for name, level in report["levels"].items() if level},
        precisions=tuple(_read_precisions(report.get("precisions") or {})),
        device=_say_device(report),
        versions=report.get("versions") or {},
    )


def figure(facts: Mapping[str, Any], name: str) -> float:
    """Look a figure up; NaN where it is null or missing."""
    value = facts.get(name)
    return float(value) if isinstance(value, int | float) else math.nan


def _say_device(report: Mapping[str, Any]) -> str:
    device, name = report.get("device") or "", report.get("device_name") or ""
    return name if name.lower().startswith(device.lower()) else f"{device} ({name})"


def _read_precisions(found: Mapping[str, Mapping[str, Any]]) -> Iterator[Precision]:
    for name, report in found.items():
        latency = report.get("latency") or ()
        yield Precision(
            name=name,
            kept=report.get("verdict") == "kept",
            max_drop=figure(report, "max_drop"),
            size_bytes=figure(report, "size_bytes"),
            size_float32_bytes=figure(report, "size_float32_bytes"),
            targets=report.get("targets") or {},
            latency_ratio=figure(latency[0], "ratio") if latency else math.nan,
            device=str(report.get("device") or ""),
        )
