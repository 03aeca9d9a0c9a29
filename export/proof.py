"""The proof in a model folder: made again, written, and looked up."""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter

from export.evidence import Evidence
from export.files import ONNX_FILE, RAW_FILE, REPORT_FILE
from export.hostile import admit
from export.hostile.examine import parse, weights_files
from export.onnx_file import OnnxFile
from export.verification import Verification
from export.verify import verify
from export.weights_beside import WEIGHTS_SUFFIX
from zoo.errors import DamagedFileError, RunError, UnsafeFileError, VerificationError
from zoo.manifest import recorded_sha256, update_manifest
from zoo.model import TrainedModel
from zoo.progress import Progress
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
        recorded_sha256=recorded_sha256(folder, ONNX_FILE.as_posix()),
        recorded=evidence.recorded,
        locate=locate,
        strict=strict,
        workers=workers,
        progress=progress,
    )
    write_report(folder, report)
    return report


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
    """Write `verification.json` and record it."""
    text = TypeAdapter(Verification).dump_json(report, indent=2)
    write_bytes(folder / REPORT_FILE, text + b"\n")
    update_manifest(folder, [REPORT_FILE.as_posix()])


def has_proof(folder: Path, file: Path = ONNX_FILE) -> bool:
    """Tell whether a passing verification is about the very bytes of an ONNX file.

    Args:
        folder: The model folder.
        file: Which of its files: the network, or the one with preprocessing inside.
    """
    path, report = folder / file, folder / REPORT_FILE
    if not path.exists() or not report.exists():
        return False
    content = read_json(report)
    if not isinstance(content, dict) or content.get("verdict") != "pass":
        return False
    proved: dict[str, object] = {
        **_as_dict(content.get("others")),
        str(content.get("file")): content.get("sha256"),
    }
    wanted = {file.name, *(name for name in proved if name == f"{file.name}{WEIGHTS_SUFFIX}")}
    return all(proved.get(name) == sha256_of(path.with_name(name)) for name in wanted)


def _as_dict(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}
