"""Export as a user means it: a file in the model folder that is proved, or an error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from export.graph import OPSET, export_graph
from export.hostile import admit, remember
from export.samples import NUM_SAMPLES, choose_samples
from export.verification import Verification
from export.verify import verify
from zoo.data.dataset import Samples
from zoo.data.open import DataSettings, open_labelled
from zoo.data.record import require_unchanged
from zoo.errors import DamagedFileError, RunError, UnsafeFileError, VerificationError
from zoo.manifest import recorded_sha256, update_manifest
from zoo.model import TrainedModel
from zoo.progress import Progress, Silence
from zoo.run import Run
from zoo.storage import read_json, sha256_of, write_bytes
from zoo.targets import Metrics, Target

ONNX_FILE = Path("onnx", "model.onnx")
FAILED_FILE = Path("onnx", "model.failed.onnx")
REPORT_FILE = Path("onnx", "verification.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Labelled images to verify on."""

    samples: Samples
    recorded: Metrics | None
    """What training measured, where these are all the images that it measured on."""


def gather_evidence(
    run: Run | None,
    data: Path | None,
    targets: Sequence[Target],
    count: int = NUM_SAMPLES,
    *,
    settings: DataSettings | None = None,
) -> Evidence:
    """Choose labelled images: of other data if some is given, else of the run's validation split.

    Args:
        run: The run that the model belongs to, if any.
        data: Labelled images of the same targets.
        targets: What the model answers.
        count: How many images to choose at most.
        settings: How the other data is to be read.

    Raises:
        DataError: The images are gone, have changed, or are of other classes.
        RunError: There is neither a run nor other data.
    """
    if data is not None:
        samples = open_labelled(data, targets, settings)
        return Evidence(samples=choose_samples(samples, count), recorded=None)
    if run is None:
        raise RunError(
            "a model folder alone has no images to verify on",
            hint="name labelled images of the same kind as it was trained on: --data DATA",
        )
    samples = run.read_dataset().validation
    chosen = choose_samples(samples, count)
    require_unchanged(chosen)
    whole = len(chosen) == len(samples)
    recorded = run.read().metrics.get("validation") if whole else None
    return Evidence(samples=chosen, recorded=recorded)


def export_model(
    model: TrainedModel,
    folder: Path,
    evidence: Evidence | None,
    *,
    opset: int = OPSET,
    locate: bool = False,
    workers: int = 0,
    progress: Progress | None = None,
) -> Verification | None:
    """Export a model into its folder and verify it before it gets its name.

    A graph that fails goes to `onnx/model.failed.onnx`; an earlier `onnx/model.onnx` stays.
    `onnx/verification.json` is about the file that it names, with its sha256.

    Args:
        model: The trained network, on the device to verify on.
        folder: The model folder that it was read from.
        evidence: Images to verify on; None leaves the file unproved.
        opset: Version of the operator set.
        locate: Look for the first module that differs if the numbers do.
        workers: Processes that decode images.
        progress: Hears what happens.

    Raises:
        ExportError: The exporter refuses the network.
    """
    listener = progress or Silence()
    listener.note(f"exporting {model.config.backbone.name} to ONNX opset {opset}")
    content = export_graph(model, folder, opset=opset).content
    remember(content)
    if evidence is None:
        write_bytes(folder / ONNX_FILE, content)
        (folder / REPORT_FILE).unlink(missing_ok=True)
        update_manifest(folder, [ONNX_FILE.as_posix(), REPORT_FILE.as_posix()])
        return None
    report = verify(
        model,
        folder,
        content,
        evidence.samples,
        file=ONNX_FILE.name,
        recorded=evidence.recorded,
        locate=locate,
        workers=workers,
        progress=listener,
    )
    if report.verdict == "pass":
        write_bytes(folder / ONNX_FILE, content)
        (folder / FAILED_FILE).unlink(missing_ok=True)
        update_manifest(folder, [ONNX_FILE.as_posix()])
    else:
        report = replace(report, file=FAILED_FILE.name)
        write_bytes(folder / FAILED_FILE, content)
    update_manifest(folder, [FAILED_FILE.as_posix()])
    write_report(folder, report)
    return report


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
    path = folder / ONNX_FILE
    if not path.exists():
        raise RunError(f"{folder} has no {ONNX_FILE}", hint="zoo export makes it")
    report = verify(
        model,
        folder,
        _admit(path),
        evidence.samples,
        file=path.name,
        recorded_sha256=recorded_sha256(folder, ONNX_FILE.as_posix()),
        recorded=evidence.recorded,
        locate=locate,
        strict=strict,
        workers=workers,
        progress=progress,
    )
    write_report(folder, report)
    return report


def _admit(path: Path) -> bytes:
    """Read the file unless it is hostile."""
    try:
        return admit(path)
    except (DamagedFileError, UnsafeFileError) as cause:
        raise VerificationError(
            f"{path.name} is not the model that was trained:\n  L0 {cause.problem}",
            hint="zoo export makes it anew",
        ) from cause


def write_report(folder: Path, report: Verification) -> None:
    """Write `verification.json` and record it."""
    text = TypeAdapter(Verification).dump_json(report, indent=2)
    write_bytes(folder / REPORT_FILE, text + b"\n")
    update_manifest(folder, [REPORT_FILE.as_posix()])


def has_proof(folder: Path) -> bool:
    """Tell whether a passing verification is about the very bytes of the ONNX file."""
    path, report = folder / ONNX_FILE, folder / REPORT_FILE
    if not path.exists() or not report.exists():
        return False
    content = read_json(report)
    if not isinstance(content, dict):
        return False
    return (content.get("verdict"), content.get("sha256")) == ("pass", sha256_of(path))
