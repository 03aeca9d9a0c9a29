"""Is the exported model the trained one? Levels L0, L1, L3, and L4 on a GPU."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
import onnxruntime
import torch
from google.protobuf.message import DecodeError
from torch import Tensor

from export.graph import describe
from export.parity import Parity, Tolerance, compare, tolerance_of
from export.samples import Inputs, gather_inputs
from export.session import OnnxModel, open_session
from export.structure import Finding, examine_graph
from export.verification import (
    Level,
    MetricLevel,
    ParityLevel,
    PlacementLevel,
    StructureLevel,
    Verification,
    verdict_of,
)
from zoo.data.dataset import Sample, labels_of
from zoo.errors import (
    DamagedFileError,
    ExportError,
    VerificationError,
)
from zoo.hardware import exact_float32
from zoo.model import TrainedModel
from zoo.progress import Progress, Silence
from zoo.run import collect_versions
from zoo.storage import sha256_of_bytes
from zoo.targets.classes import score_classes

BATCH_SIZES = (1, 2, 7, 32)
"""The largest runs over all inputs, the others over those that float64 is computed for."""
_SHAPE_ARITHMETIC = frozenset(
    (
        *("Shape", "Size", "Gather", "Concat", "Slice", "Squeeze", "Unsqueeze", "Reshape"),
        *("Cast", "Constant", "ConstantOfShape", "Expand", "Range", "Identity"),
        *("Add", "Sub", "Mul", "Div", "Mod", "Min", "Max", "Equal", "Where", "ReduceProd"),
        *("MemcpyFromHost", "MemcpyToHost"),
    )
)
"""Operators that may stay on the CPU of a GPU session: ONNX Runtime keeps the arithmetic on
sizes there by design (microsoft/onnxruntime#17930). Everything else there is a stray."""


@dataclass(frozen=True, slots=True, eq=False)
class _Reference:
    """What PyTorch answers."""

    float32: Tensor
    """[N, C]"""
    float64: Tensor
    """[inputs.num_probed, C]"""
    tolerance: Tolerance


@dataclass(frozen=True, slots=True, eq=False)
class _Answers:
    """What ONNX Runtime answers."""

    by_size: dict[int, Tensor]
    """Batch size -> [N or inputs.num_probed, C]."""
    errors: dict[int, str]
    """Batch size -> why it did not run."""

    @property
    def everything(self) -> Tensor:
        """The answers to all inputs, [N, C]."""
        return self.by_size[max(BATCH_SIZES)]


def verify(
    model: TrainedModel,
    folder: Path,
    onnx_bytes: bytes,
    samples: Sequence[Sample],
    *,
    file: str,
    recorded_sha256: str | None = None,
    recorded_top1: float | None = None,
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
        recorded_top1: What training measured on exactly these samples.
        workers: Processes that decode images.
        progress: Hears what happens.

    Raises:
        DeviceError: ONNX Runtime cannot use the model's device.
        VerificationError: The file is no ONNX model at all.
        UnreadableImagesError: Samples that cannot be decoded.
    """
    listener = progress or Silence()
    structure = _verify_structure(model, folder, onnx_bytes, file, recorded_sha256)
    candidate = _open(onnx_bytes, model.device, file)
    with exact_float32():
        inputs = gather_inputs(samples, model.preprocess, workers, listener)
        reference = _run_reference(model, inputs, listener)
        answers = _run_candidate(candidate, inputs, len(model.classes), listener)
    levels: dict[str, Level] = {
        "L0": structure,
        "L1": _verify_parity(model, inputs, reference, answers),
        "L3": _verify_metric(model, inputs, reference, answers, samples, recorded_top1),
    }
    if model.device.type == "cuda":
        levels["L4"] = _verify_placement(candidate)
    return Verification(
        verdict=verdict_of(all(level.verdict == "pass" for level in levels.values())),
        file=file,
        sha256=sha256_of_bytes(onnx_bytes),
        levels=levels,
        device=str(model.device),
        device_name=_device_name(model.device),
        providers_requested=candidate.providers_requested,
        providers_used=candidate.providers_used,
        tf32=candidate.tf32,
        versions=collect_versions()
        | {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__},
    )


def _verify_structure(
    model: TrainedModel, folder: Path, onnx_bytes: bytes, file: str, recorded: str | None
) -> StructureLevel:
    try:
        proto = onnx.load_from_string(onnx_bytes)
    except DecodeError as cause:
        raise _no_model(file, "it cannot be parsed") from cause
    findings = examine_graph(proto, describe(model, folder))
    if recorded is not None:
        findings = (*findings, _compare_bytes(sha256_of_bytes(onnx_bytes), recorded))
    passed = all(finding.passed for finding in findings)
    return StructureLevel(verdict=verdict_of(passed), findings=findings)


def _compare_bytes(found: str, recorded: str) -> Finding:
    """Tell whether a file is still the one that was exported."""
    passed = found == recorded
    detail = "the manifest's sha256" if passed else f"sha256 {found[:16]}…, not {recorded[:16]}…"
    return Finding(name="unchanged since export", passed=passed, detail=detail)


def _open(onnx_bytes: bytes, device: torch.device, file: str) -> OnnxModel:
    try:
        return open_session(onnx_bytes, device)
    except DamagedFileError as cause:
        raise _no_model(file, cause.problem) from cause


def _no_model(file: str, reason: str) -> VerificationError:
    return VerificationError(
        f"{file} is not the model that was trained:\n  L0 {reason}", hint="zoo export makes it anew"
    )


@torch.inference_mode()
def _run_reference(model: TrainedModel, inputs: Inputs, progress: Progress) -> _Reference:
    """Run PyTorch in float32 on everything, and in float64 on a few."""
    progress.start("PyTorch", len(inputs.names) + inputs.num_probed)
    outputs = []
    for batch in inputs.pixel_values.split(max(BATCH_SIZES)):
        outputs.append(model.logits(batch))
        progress.advance(len(batch))
    float32 = torch.cat(outputs)
    exact = copy.deepcopy(model.network).double()
    outputs = []
    for batch in inputs.pixel_values[: inputs.num_probed].double().split(4):
        outputs.append(exact(batch.to(model.device)).cpu())
        progress.advance(len(batch))
    float64 = torch.cat(outputs)
    progress.finish()
    return _Reference(float32, float64, tolerance_of(float32[: inputs.num_probed], float64))


def _run_candidate(
    candidate: OnnxModel, inputs: Inputs, num_classes: int, progress: Progress
) -> _Answers:
    """Run ONNX Runtime in every batch size; where it refuses, its logits are NaN."""
    counts = {
        size: len(inputs.names) if size == max(BATCH_SIZES) else inputs.num_probed
        for size in BATCH_SIZES
    }
    progress.start("ONNX Runtime", sum(counts.values()))
    logits, errors = {}, {}
    for size, count in counts.items():
        # The last batch is filled up from the start: every batch has exactly this size.
        order = torch.arange(math.ceil(count / size) * size) % count
        outputs = []
        try:
            for places in order.split(size):
                outputs.append(candidate.logits(inputs.pixel_values[places]))
                progress.advance(len(places))
            logits[size] = _require_shape(torch.cat(outputs), len(order), num_classes)[:count]
        except ExportError as error:
            errors[size] = error.problem
            logits[size] = torch.full((count, num_classes), math.nan)
    progress.finish()
    return _Answers(logits, errors)


def _require_shape(logits: Tensor, rows: int, columns: int) -> Tensor:
    """Refuse answers that cannot be compared with the network's."""
    if logits.shape != (rows, columns):
        found, wanted = tuple(logits.shape), (rows, columns)
        raise ExportError(f"logits have shape {found} where PyTorch's have {wanted}")
    return logits


def _verify_parity(
    model: TrainedModel, inputs: Inputs, reference: _Reference, answers: _Answers
) -> ParityLevel:
    by_size: dict[int, Parity] = {
        size: compare(
            reference.float32[: len(logits)],
            logits,
            reference.tolerance,
            samples=inputs.names[: len(logits)],
            classes=model.classes,
        )
        for size, logits in answers.by_size.items()
    }
    worst_size = max(by_size, key=lambda size: _nan_last(by_size[size].max_abs_error))
    everything = by_size[max(BATCH_SIZES)]
    probed = answers.everything[: inputs.num_probed].double()
    real = slice(inputs.num_edges, None)
    agree = reference.float32[real].argmax(dim=1) == answers.everything[real].argmax(dim=1)
    disagreements = {name for parity in by_size.values() for name in parity.disagreements}
    return ParityLevel(
        verdict=verdict_of(all(parity.passed for parity in by_size.values())),
        num_samples=len(inputs.names) - inputs.num_edges,
        edge_inputs=tuple(inputs.names[: inputs.num_edges]),
        batch_sizes=BATCH_SIZES,
        noise_floor=reference.tolerance.noise_floor,
        bound=reference.tolerance.bound,
        logit_spread=reference.tolerance.spread,
        max_abs_error=by_size[worst_size].max_abs_error,
        mean_abs_error=everything.mean_abs_error,
        max_abs_error_float64=(probed - reference.float64).abs().max().item(),
        argmax_agreement=agree.double().mean().item(),
        disagreements=tuple(sorted(disagreements)),
        ties=everything.ties,
        worst=by_size[worst_size].worst,
        worst_batch_size=worst_size,
        errors=answers.errors,
    )


def _verify_metric(
    model: TrainedModel,
    inputs: Inputs,
    reference: _Reference,
    answers: _Answers,
    samples: Sequence[Sample],
    recorded: float | None,
) -> MetricLevel:
    labels = torch.tensor(labels_of(samples))
    ours = reference.float32[inputs.num_edges :]
    theirs = answers.everything[inputs.num_edges :]
    top = ours.topk(2, dim=1).values
    ties = int(((top[:, 0] - top[:, 1]) <= 2 * reference.tolerance.bound).sum())
    torch_top1, onnx_top1 = (
        score_classes(logits, labels, model.classes).top1 for logits in (ours, theirs)
    )
    allowed = (ties + 0.5) / len(samples)
    passed = abs(torch_top1 - onnx_top1) <= allowed and bool(theirs.isfinite().all())
    if recorded is not None:
        passed = passed and abs(torch_top1 - recorded) <= allowed
    return MetricLevel(
        verdict=verdict_of(passed),
        num_samples=len(samples),
        metric="top1",
        metric_torch=torch_top1,
        metric_onnx=onnx_top1,
        metric_recorded=recorded,
        ties=ties,
    )


def _verify_placement(candidate: OnnxModel) -> PlacementLevel:
    """Require that nothing but shape arithmetic is elsewhere, and something on the provider."""
    placement = candidate.placement()
    wanted = candidate.providers_requested[0]
    strays = {
        operator: count
        for provider, nodes in placement.by_provider.items()
        if provider != wanted
        for operator, count in nodes.items()
        if operator not in _SHAPE_ARITHMETIC
    }
    passed = not strays and placement.count(wanted) > 0
    return PlacementLevel(verdict=verdict_of(passed), placement=placement, strays=strays)


def _nan_last(error: float) -> float:
    return math.inf if math.isnan(error) else error


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} threads"
