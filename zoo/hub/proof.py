"""Whether a model folder says that its ONNX files were proved."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from zoo.errors import DamagedFileError
from zoo.hub.golden import read_weights_sha256
from zoo.manifest import Recorded
from zoo.model_files import GOLDEN, WEIGHTS
from zoo.storage import read_json

ONNX = "onnx/model.onnx"
REPORT = "onnx/verification.json"
_PROVED = re.compile(r"onnx/model[\w-]*\.onnx(\.data)?")


def find_doubt(folder: Path, recorded: Mapping[str, Recorded]) -> str:
    """Say why a model counts as unverified; empty if `verification.json` proves its ONNX files.

    Raises:
        DamagedFileError: The report is no JSON, or none of zoo's.
    """
    if ONNX not in recorded:
        return f"it has no {ONNX}, so that nothing was verified"
    if REPORT not in recorded:
        return f"it has no {REPORT}"
    report = read_json(folder / REPORT)
    if not isinstance(report, dict) or report.get("verdict") != "pass":
        return f"{REPORT} says that the verification failed"
    try:
        proved = dict(_list_proved(report))
    except (AttributeError, TypeError) as cause:
        raise DamagedFileError(folder / REPORT, "not a verification report") from cause
    for name in sorted(filter(_PROVED.fullmatch, recorded)):
        ours, about = recorded[name].sha256, proved.get(name)
        if about is None:
            return f"{REPORT} says nothing of {name}"
        if about != ours:
            return (
                f"{REPORT} is about other bytes of {name}: sha256 {about[:16]}…, not {ours[:16]}…"
            )
    if GOLDEN in recorded and WEIGHTS in recorded:
        answered, ours = read_weights_sha256(folder / GOLDEN), recorded[WEIGHTS].sha256
        if answered not in ("", ours):
            return f"other weights than {WEIGHTS} gave the answers in {GOLDEN}"
    return ""


def _list_proved(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """List the graphs that a report speaks for, with the sha256 that each had."""
    yield f"onnx/{report.get('file')}", str(report.get("sha256"))
    for name, sha256 in (report.get("others") or {}).items():
        yield f"onnx/{name}", str(sha256)
    for name, variant in (report.get("precisions") or {}).items():
        if variant.get("verdict") == "kept":
            yield f"onnx/model_{name}.onnx", str(variant.get("sha256"))
