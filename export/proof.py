"""The proof in a model folder: made again, written, and looked up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from export.evidence import Evidence
from export.files import (
    FAILED_FILE,
    FAILED_REPORT_FILE,
    ONNX_FILE,
    PRECISION_FILES,
    RAW_FILE,
    REPORT_FILE,
)
from export.hostile import admit
from export.hostile.examine import parse, weights_files
from export.onnx_file import OnnxFile
from export.precision import PrecisionReport
from export.precision.again import judge_again
from export.unchanged import find_changes
from export.verification import Verification
from export.verify import verify
from export.weights_beside import WEIGHTS_SUFFIX
from zoo.errors import DamagedFileError, RunError, StorageError, UnsafeFileError, VerificationError
from zoo.manifest import update_manifest
from zoo.model import TrainedModel
from zoo.progress import Progress, Silence
from zoo.storage import read_json, sha256_of, write_bytes


def verify_model(
    model: TrainedModel,
    folder: Path,
    evidence: Evidence,
    *,
    locate: bool = False,
    strict: bool = False,
    workers: int = 0,
    progress: Progress | None = None,
) -> Verification:
    """Verify the ONNX file that lies in a model folder, and replace its report.

    Args:
        model: The trained network, on the device to verify on.
        folder: The model folder that it was read from.
        evidence: Images to verify on.
        locate: Look for the first module that differs if the numbers do.
        strict: Leave nothing to the CPU of a GPU session, not even arithmetic on sizes.
        workers: Processes that decode images.
        progress: Hears what happens.

    Raises:
        RunError: There is none.
        VerificationError: It is no model, or zoo does not open it.
    """
    if not (folder / ONNX_FILE).exists():
        raise RunError(f"{folder} has no {ONNX_FILE}", hint="zoo export makes it")
    report = verify(
        model,
        folder,
        read_admitted(folder / ONNX_FILE),
        evidence.samples,
        raw=read_admitted(folder / RAW_FILE) if (folder / RAW_FILE).exists() else None,
        found=tuple(find_changes(folder)),
        recorded=evidence.recorded,
        locate=locate,
        strict=strict,
        workers=workers,
        progress=progress,
    )
    listener = progress or Silence()
    precisions = _read_precisions(folder)
    if report.levels["L1"].verdict == "pass":
        precisions |= _judge_variants(model, folder, evidence, precisions, workers, listener)
    report = replace(report, precisions=precisions)
    try:
        write_report(folder, report)
    except StorageError as error:
        listener.note(f"the report was not written: {error.problem}")
    return report


def _judge_variants(
    model: TrainedModel,
    folder: Path,
    evidence: Evidence,
    found: Mapping[str, PrecisionReport],
    workers: int,
    progress: Progress,
) -> dict[str, PrecisionReport]:
    """Judge the files in fewer bits once more that an earlier report tells of.

    What is said of a file that is gone or has changed stays: it is about the bytes that it names.
    """
    paths = {name: folder / PRECISION_FILES[each.precision] for name, each in found.items()}
    names = [name for name, path in paths.items() if _has_bytes(path, found[name].sha256)]
    if not names:
        return {}
    progress.note(f"judging {' and '.join(paths[name].name for name in names)} again")
    judged = judge_again(
        model,
        read_admitted(folder / ONNX_FILE).content,
        [(read_admitted(paths[name]).content, found[name]) for name in names],
        evidence.samples,
        workers=workers,
        progress=progress,
    )
    return dict(zip(names, judged, strict=True))


def _read_precisions(folder: Path) -> dict[str, PrecisionReport]:
    """Read what was reported of fewer bits; nothing of another format."""
    if not (folder / REPORT_FILE).exists():
        return {}
    content = _as_dict(read_json(folder / REPORT_FILE))
    adapter = TypeAdapter(dict[str, PrecisionReport])
    try:
        return adapter.validate_python(content.get("precisions", {}))
    except ValidationError:
        return {}


def read_admitted(path: Path) -> OnnxFile:
    """Read a file unless it is hostile.

    Raises:
        VerificationError: It is, or it is no model.
    """
    try:
        content = admit(path)
    except (DamagedFileError, UnsafeFileError) as cause:
        raise VerificationError(
            f"{path.name} is not the model that was trained:\n  L0 {cause.problem}",
            hint="zoo export makes it anew",
        ) from cause
    beside = weights_files(parse(content))
    return OnnxFile(name=path.name, content=content, path=path if beside else None)


def write_report(folder: Path, report: Verification) -> None:
    """Write a report under the name that goes with its file's, and record it."""
    file = report_file_of(report)
    text = TypeAdapter(Verification).dump_json(report, indent=2)
    write_bytes(folder / file, text + b"\n")
    update_manifest(folder, [file.as_posix()])


def report_file_of(report: Verification) -> Path:
    """Tell what a report is called in the model folder."""
    return FAILED_REPORT_FILE if report.file == FAILED_FILE.name else REPORT_FILE


def has_proof(folder: Path, file: Path = ONNX_FILE) -> bool:
    """Tell whether a passing verification is about the very bytes of an ONNX file.

    Args:
        folder: The model folder.
        file: Which of its files: the network, one with preprocessing inside or in fewer bits.
            Of the last it is the accuracy budget that was kept.
    """
    path, report = folder / file, folder / REPORT_FILE
    if not path.exists() or not report.exists():
        return False
    content = read_json(report)
    if not isinstance(content, dict) or content.get("verdict") != "pass":
        return False
    proved: dict[str, object] = {
        **_as_dict(content.get("others")),
        **_kept_variants(content),
        str(content.get("file")): content.get("sha256"),
    }
    wanted = {file.name, *(name for name in proved if name == f"{file.name}{WEIGHTS_SUFFIX}")}
    return all(_has_bytes(path.with_name(name), proved.get(name)) for name in wanted)


def _has_bytes(path: Path, sha256: object) -> bool:
    return path.is_file() and sha256_of(path) == sha256


def _kept_variants(content: Mapping[str, object]) -> dict[str, object]:
    """List the files in fewer bits that are within their budgets, with their sha256."""
    reports = {name: _as_dict(e) for name, e in _as_dict(content.get("precisions")).items()}
    return {
        PRECISION_FILES[name].name: report.get("sha256")
        for name, report in reports.items()
        if name in PRECISION_FILES and report.get("verdict") == "kept"
    }


def _as_dict(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}
