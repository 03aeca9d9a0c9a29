"""Does the exported model still answer as the trained one did? Needs neither torch nor data.

`golden.safetensors` holds inputs and the trained model's answers; ONNX Runtime answers the same
inputs here, and the two are compared within the bound that was measured when they were written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from export.files import ONNX_FILE, REPORT_FILE
from export.golden_file import GOLDEN_FILE, Golden, GoldenTarget, read_golden
from export.providers import RUNTIME_ERRORS, Started, start_session
from export.replayed import Replay, TargetReplay
from export.unchanged import find_changes
from zoo.errors import (
    DamagedFileError,
    DeviceError,
    RunError,
    UnsafeFileError,
    VerificationError,
)
from zoo.manifest import NAME as MANIFEST
from zoo.manifest import check_file
from zoo.storage import read_json, sha256_of
from zoo.versions import collect_versions

Answers = Mapping[int, Mapping[str, NDArray[np.float64]]]
"""What ONNX Runtime says to all inputs, [N, K], by batch size and by output."""

_AGAIN = "copy it again, or let `zoo export` write it anew"


def find_model_folder(path: Path) -> Path:
    """Find the model folder in a run folder, a model folder or around an `.onnx` file.

    Raises:
        RunError: There is none.
    """
    around = path.resolve().parent.parent
    if path.suffix == ".onnx" and path.is_file() and (around / MANIFEST).is_file():
        if path.name != ONNX_FILE.name:
            raise RunError(
                f"{path.name} is judged with all that belongs to {ONNX_FILE.name}",
                hint=f"name the model folder: {around}",
            )
        return around
    for folder in (path / "model", path):
        if (folder / MANIFEST).is_file():
            return folder
    problem = "is neither a run folder nor a model folder" if path.exists() else "does not exist"
    raise RunError(f"{path} {problem}", hint="give what `zoo export` wrote, or a copy of it")


def replay_model(folder: Path, device: str = "auto") -> Replay:
    """Compare the ONNX file of a model folder with the golden answers in it.

    Args:
        folder: The model folder.
        device: `auto` and `cpu` are the CPU, which is always there; or `cuda`, `cuda:1`.

    Raises:
        RunError: The folder has no ONNX file or no golden answers.
        DamagedFileError: The golden answers are not what was written.
        DeviceError: ONNX Runtime cannot use the device.
        VerificationError: The file is no ONNX model, is hostile, or does not answer these inputs
            at all.
    """
    for name in (ONNX_FILE.as_posix(), GOLDEN_FILE.as_posix()):
        if not (folder / name).exists():
            raise RunError(
                f"{folder} has no {name}",
                hint="`zoo export` writes it; --data DATA verifies on labelled images instead",
            )
    golden = read_golden(check_file(folder, GOLDEN_FILE.as_posix(), hint=_AGAIN))
    kind, index = _parse_device(device)
    started = _start(folder / ONNX_FILE, kind, index)
    sizes = sorted({1, len(golden.inputs)})
    answers: Answers = {size: _run(started, golden, size) for size in sizes}
    sha256 = sha256_of(folder / ONNX_FILE)
    changes = tuple(_find_changes(folder, sha256, golden, started))
    targets = {target.name: _compare(target, golden, answers) for target in golden.targets}
    passed = not changes and all(found.verdict == "pass" for found in targets.values())
    return Replay(
        verdict="pass" if passed else "fail",
        file=ONNX_FILE.name,
        sha256=sha256,
        changes=changes,
        targets=targets,
        inputs=golden.inputs,
        batch_sizes=tuple(sizes),
        device=kind if kind == "cpu" else f"{kind}:{index}",
        providers_requested=started.providers_requested,
        providers_used=tuple(started.session.get_providers()),
        versions=collect_versions() | {"onnxruntime": onnxruntime.__version__},
        golden={"device": golden.device} | golden.versions,
    )


def _parse_device(wanted: str) -> tuple[str, int]:
    """Read `auto`, `cpu`, `cuda` or `cuda:1` as a kind and a number."""
    found = re.fullmatch(r"auto|cpu|(cuda)(?::(\d+))?", wanted)
    if found is None:
        raise DeviceError(f"no device is called {wanted!r}", hint="cpu, cuda or cuda:1")
    return found[1] or "cpu", int(found[2] or 0)


def _start(path: Path, kind: str, index: int) -> Started:
    try:
        return start_session(path, kind, index)
    except (DamagedFileError, UnsafeFileError) as cause:
        raise _no_model(path.name, cause.problem) from cause


def _run(started: Started, golden: Golden, size: int) -> Mapping[str, NDArray[np.float64]]:
    """Answer all inputs in batches of one size, which divides their number."""
    names = [target.output for target in golden.targets]
    feed = started.session.get_inputs()[0].name
    batches = np.split(golden.pixel_values, len(golden.inputs) // size)
    try:
        found = [started.session.run(names, {feed: batch}) for batch in batches]
        columns = (np.concatenate(parts) for parts in zip(*found, strict=True))
        answers = {name: part.astype(np.float64) for name, part in zip(names, columns, strict=True)}
    except RUNTIME_ERRORS as cause:
        raise _no_model(ONNX_FILE.name, f"it does not run: {cause}") from cause
    for target in golden.targets:
        if answers[target.output].shape != target.float32.shape:
            shapes = f"{answers[target.output].shape}, not {target.float32.shape}"
            raise _no_model(ONNX_FILE.name, f"its answers for {target.name!r} are {shapes}")
    return answers


def _no_model(file: str, reason: str) -> VerificationError:
    return VerificationError(f"{file} is not the model that was trained:\n  {reason}", hint=_AGAIN)


def _find_changes(folder: Path, sha256: str, golden: Golden, started: Started) -> Iterator[str]:
    """Say in what the ONNX file is not the one that belongs into this folder."""
    for found in find_changes(folder):
        if not found.passed:
            yield f"{found.name}: {found.detail}"
    if (folder / REPORT_FILE).exists():
        yield from _compare_with_report(read_json(folder / REPORT_FILE), sha256)
    else:
        yield f"there is no {REPORT_FILE}: nothing proves it"
    weights = started.session.get_modelmeta().custom_metadata_map.get("zoo.weights_sha256", "none")
    if weights != golden.weights_sha256:
        wanted = golden.weights_sha256
        yield f"it has weights {weights[:16]}…; the golden answers are of {wanted[:16]}…"


def _compare_with_report(report: object, sha256: str) -> Iterator[str]:
    """Hold the file against the verification that was made of it, if one was."""
    if not isinstance(report, dict) or report.get("file") != ONNX_FILE.name:
        return
    if report.get("sha256") != sha256:
        yield f"{REPORT_FILE} is about another file: sha256 {str(report.get('sha256'))[:16]}…"
    elif report.get("verdict") != "pass":
        yield f"{REPORT_FILE} says that it failed"


def _compare(target: GoldenTarget, golden: Golden, answers: Answers) -> TargetReplay:
    """Compare all answers for a target, in every batch size."""
    theirs = np.stack([found[target.output] for found in answers.values()])
    errors = np.abs(theirs - target.float32)
    parts = np.where(np.isnan(errors), np.inf, errors / target.bound)
    at, row, column = (int(place) for place in np.unravel_index(parts.argmax(), parts.shape))
    alike = (_decide(target, theirs) == _decide(target, target.float32)).all(axis=(0, 2))
    return TargetReplay(
        verdict="pass" if bool((errors <= target.bound).all()) else "fail",
        kind=target.kind,
        bound=float(target.bound[row, column]),
        max_abs_error=float(errors[at, row, column]),
        max_abs_error_float64=float(np.abs(theirs - target.float64)[:, :, column].max()),
        agreement=None if target.kind == "value" else float(alike.mean()),
        sample=golden.inputs[row],
        output=target.names[column],
        batch_size=list(answers)[at],
    )


def _decide(target: GoldenTarget, outputs: NDArray[np.floating]) -> NDArray[np.intp]:
    """Turn outputs [..., K] into what they decide, [..., D]: nothing of values."""
    if target.kind == "class":
        return np.asarray(outputs.argmax(axis=-1, keepdims=True), np.intp)
    if target.thresholds is None:
        return np.empty((*outputs.shape[:-1], 0), np.intp)
    cuts = np.array(target.thresholds)
    with np.errstate(divide="ignore"):
        return np.asarray(outputs > np.log(cuts) - np.log1p(-cuts), np.intp)
