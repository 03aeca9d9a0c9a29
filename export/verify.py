"""Is the exported model the trained one? Levels L0 to L3, and L4 on a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import onnx
import onnxruntime
import torch
from google.protobuf.message import DecodeError

from export.finding import Finding
from export.image_sizes import SizesLevel, compare_sizes
from export.interface import name_outputs
from export.levels import StructureLevel, verdict_of
from export.locate import choose_probe
from export.locate import locate as find_place
from export.metadata import describe, has_dynamic_size
from export.onnx_file import OnnxFile
from export.pixel_level import PixelLevel
from export.programs import run_candidate, run_reference
from export.providers import Demands
from export.raw import describe_raw
from export.raw_structure import examine_raw_graph
from export.same_device import verify_placement
from export.same_numbers import compare_numbers
from export.same_pixels import compare_pixels
from export.same_scores import compare_scores
from export.samples import Inputs, choose_samples, gather_inputs
from export.session import OnnxModel, open_session
from export.structure import examine_graph
from export.tf32 import measure_tf32
from export.tolerances import measure_tolerances
from export.verification import Level, Verification
from zoo.data.dataset import Samples
from zoo.errors import DamagedFileError, VerificationError
from zoo.hardware import exact_float32
from zoo.model import TrainedModel
from zoo.progress import Progress, Silence
from zoo.targets import Metrics
from zoo.versions import collect_versions

_NUM_RESIZED = 4
"""Images that are compared at every other size, where those are promised."""
_NUM_FILES = 64
"""Real files that go through both pipelines whole."""


def verify(
    model: TrainedModel,
    folder: Path,
    file: OnnxFile,
    samples: Samples,
    *,
    raw: OnnxFile | None = None,
    found: Sequence[Finding] = (),
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
        file: The exported graph.
        samples: Labelled images to compare on.
        raw: The same with preprocessing inside, if there is such a graph.
        found: What was found of the files otherwise, for L0.
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
    structure = _verify_structure(model, folder, file, raw, found)
    opened = _open(file, model.device, Demands(strict=strict))
    with exact_float32():
        inputs = gather_inputs(samples, model.preprocess, workers, listener)
        reference = run_reference(model, inputs, listener)
        candidate = run_candidate(opened, model, inputs, listener)
    tolerances = measure_tolerances(model.targets, inputs, reference)
    answers = (model.targets, inputs, reference, candidate, tolerances)
    numbers = compare_numbers(*answers)
    levels: dict[str, Level] = {"L0": structure, "L1": numbers}
    if has_dynamic_size(opened.metadata):
        levels["L1 sizes"] = _verify_sizes(model, opened, inputs)
    if raw is not None:
        levels["L2"] = _verify_pixels(model, raw, samples, listener)
    levels["L3"] = compare_scores(*answers, samples, recorded)
    effect = None
    if model.device.type == "cuda":
        images = inputs.pixel_values[inputs.probed]
        levels["L4"] = verify_placement(opened, file, images, strict=strict)
        effect = measure_tf32(model, file, inputs, reference, candidate)
    location = None
    if locate and numbers.verdict == "fail" and file.path is None:
        listener.note("looking for the first module that differs")
        location = find_place(model, file.content, choose_probe(inputs, numbers.worst_input))
    return Verification(
        verdict=verdict_of(all(level.verdict == "pass" for level in levels.values())),
        file=file.name,
        sha256=file.sha256,
        others=file.beside | ({raw.name: raw.sha256} if raw else {}),
        levels=levels,
        device=str(model.device),
        device_name=_device_name(model.device),
        providers_requested=opened.providers_requested,
        providers_used=opened.providers_used,
        tf32=opened.tf32,
        tf32_effect=effect,
        location=location,
        versions=collect_versions()
        | {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__},
    )


def _verify_structure(
    model: TrainedModel,
    folder: Path,
    file: OnnxFile,
    raw: OnnxFile | None,
    found: Sequence[Finding],
) -> StructureLevel:
    """Examine the graph and, in the same words, the one with preprocessing inside."""
    expected = describe(model, folder)
    findings = [*examine_graph(_parse(file), expected, file.path), *found]
    if raw is not None:
        promised = describe_raw(expected, model.targets)
        findings += [
            replace(finding, name=f"{raw.name}: {finding.name}")
            for finding in examine_raw_graph(_parse(raw), promised, raw.path)
        ]
    passed = all(finding.passed for finding in findings)
    return StructureLevel(verdict=verdict_of(passed), findings=tuple(findings))


def _parse(file: OnnxFile) -> onnx.ModelProto:
    try:
        return onnx.load_from_string(file.content)
    except DecodeError as cause:
        raise _no_model(file.name, "it cannot be parsed") from cause


def _verify_sizes(model: TrainedModel, opened: OnnxModel, inputs: Inputs) -> SizesLevel:
    images = inputs.pixel_values[inputs.probed[:_NUM_RESIZED]]
    return compare_sizes(model, opened, images, name_outputs(model.targets))


def _verify_pixels(
    model: TrainedModel, raw: OnnxFile, samples: Samples, progress: Progress
) -> PixelLevel:
    """Send files through both pipelines; each alone, so that there are fewer than at L1."""
    chosen = choose_samples(samples, _NUM_FILES)
    try:
        return compare_pixels(model, raw.content, chosen, progress=progress)
    except DamagedFileError as cause:
        raise _no_model(raw.name, cause.problem) from cause


def _open(file: OnnxFile, device: torch.device, demands: Demands) -> OnnxModel:
    try:
        return open_session(file.source, device, demands)
    except DamagedFileError as cause:
        raise _no_model(file.name, cause.problem) from cause


def _no_model(file: str, reason: str) -> VerificationError:
    return VerificationError(
        f"{file} is not the model that was trained:\n  L0 {reason}", hint="zoo export makes it anew"
    )


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    count = torch.get_num_threads()
    return f"CPU, {count} thread{'s' if count > 1 else ''}"
