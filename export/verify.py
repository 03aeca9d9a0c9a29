"""Is the exported model the trained one? Levels L0, L1, L3, and L4 on a GPU."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnxruntime
import torch
from google.protobuf.message import DecodeError

from export.levels import StructureLevel, verdict_of
from export.locate import choose_probe
from export.locate import locate as find_place
from export.metadata import describe
from export.programs import run_candidate, run_reference
from export.providers import Demands
from export.same_device import verify_placement
from export.same_numbers import compare_numbers, measure_tolerances
from export.same_scores import compare_scores
from export.samples import gather_inputs
from export.session import OnnxModel, open_session
from export.structure import Finding, examine_graph
from export.tf32 import measure_tf32
from export.verification import Level, Verification
from zoo.data.dataset import Samples
from zoo.errors import DamagedFileError, VerificationError
from zoo.hardware import exact_float32
from zoo.model import TrainedModel
from zoo.progress import Progress, Silence
from zoo.storage import sha256_of_bytes
from zoo.targets import Metrics
from zoo.versions import collect_versions


def verify(
    model: TrainedModel,
    folder: Path,
    onnx_bytes: bytes,
    samples: Samples,
    *,
    file: str,
    recorded_sha256: str | None = None,
    recorded: Metrics | None = None,
    locate: bool = False,
    strict: bool = False,
    workers: int = 0,
    progress: Progress | None = None,
) -> Verification:
    """Compare an exported model with the trained one, on the trained one's device.

    Args:
        model: The trained network.
        folder: The model folder that it was read from.
        onnx_bytes: The exported graph.
        samples: Labelled images to compare on.
        file: What the ONNX file is called.
        recorded_sha256: What the manifest says that its bytes are, where it says anything.
        recorded: What training measured on exactly these samples.
        locate: Look for the first module that differs if the numbers do.
        strict: Leave nothing to the CPU of a GPU session, not even arithmetic on sizes.
        workers: Processes that decode images.
        progress: Hears what happens.

    Raises:
        DeviceError: ONNX Runtime cannot use the model's device.
        VerificationError: The file is no ONNX model at all.
        UnreadableImagesError: Samples that cannot be decoded.
    """
    listener = progress or Silence()
    structure = _verify_structure(model, folder, onnx_bytes, file, recorded_sha256)
    onnx_model = _open(onnx_bytes, model.device, file, Demands(strict=strict))
    with exact_float32():
        inputs = gather_inputs(samples, model.preprocess, workers, listener)
        reference = run_reference(model, inputs, listener)
        candidate = run_candidate(onnx_model, model, inputs, listener)
    tolerances = measure_tolerances(model.targets, inputs, reference)
    answers = (model.targets, inputs, reference, candidate, tolerances)
    numbers = compare_numbers(*answers)
    scores = compare_scores(*answers, samples, recorded)
    levels: dict[str, Level] = {"L0": structure, "L1": numbers, "L3": scores}
    effect = location = None
    if model.device.type == "cuda":
        images = inputs.pixel_values[inputs.probed]
        levels["L4"] = verify_placement(onnx_model, onnx_bytes, images, strict=strict)
        effect = measure_tf32(model, onnx_bytes, inputs, reference, candidate)
    if locate and numbers.verdict == "fail":
        listener.note("looking for the first module that differs")
        location = find_place(model, onnx_bytes, choose_probe(inputs, numbers.worst.sample))
    return Verification(
        verdict=verdict_of(all(level.verdict == "pass" for level in levels.values())),
        file=file,
        sha256=sha256_of_bytes(onnx_bytes),
        levels=levels,
        device=str(model.device),
        device_name=_device_name(model.device),
        providers_requested=onnx_model.providers_requested,
        providers_used=onnx_model.providers_used,
        tf32=onnx_model.tf32,
        tf32_effect=effect,
        location=location,
        versions=collect_versions()
        | {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__},
    )


def _verify_structure(
    model: TrainedModel, folder: Path, onnx_bytes: bytes, file: str, recorded_sha256: str | None
) -> StructureLevel:
    try:
        proto = onnx.load_from_string(onnx_bytes)
    except DecodeError as cause:
        raise _no_model(file, "it cannot be parsed") from cause
    findings = examine_graph(proto, describe(model, folder))
    if recorded_sha256 is not None:
        same = _compare_bytes(sha256_of_bytes(onnx_bytes), recorded_sha256)
        findings = (*findings, same)
    passed = all(finding.passed for finding in findings)
    return StructureLevel(verdict=verdict_of(passed), findings=findings)


def _compare_bytes(found: str, recorded: str) -> Finding:
    """Tell whether a file is still the one that was exported."""
    passed = found == recorded
    detail = "the manifest's sha256" if passed else f"sha256 {found[:16]}…, not {recorded[:16]}…"
    return Finding(name="unchanged since export", passed=passed, detail=detail)


def _open(onnx_bytes: bytes, device: torch.device, file: str, demands: Demands) -> OnnxModel:
    try:
        return open_session(onnx_bytes, device, demands)
    except DamagedFileError as cause:
        raise _no_model(file, cause.problem) from cause


def _no_model(file: str, reason: str) -> VerificationError:
    return VerificationError(
        f"{file} is not the model that was trained:\n  L0 {reason}", hint="zoo export makes it anew"
    )


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    count = torch.get_num_threads()
    return f"CPU, {count} thread{'s' if count > 1 else ''}"
