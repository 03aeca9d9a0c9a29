"""What TF32 would change: beside the verdict, and no part of it.

On a GPU since Ampere float32 products may be rounded to ten bits of mantissa. ONNX Runtime does
so unless told otherwise, PyTorch in convolutions. Both are told otherwise for the verdict.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from export.interface import name_outputs
from export.onnx_file import OnnxFile
from export.programs import WHOLE, Candidate, Reference
from export.providers import Demands
from export.samples import Inputs
from export.session import open_session
from zoo.errors import ExportError
from zoo.evaluation import Outputs
from zoo.model import TrainedModel
from zoo.targets.scoring import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Tf32Effect:
    """How far TF32 moves the answers for one target, at most, on the probed inputs."""

    torch: Figure
    """From PyTorch's own without it, in logits or in the value's own unit."""
    onnx: Figure
    """From ONNX Runtime's own without it; NaN where it does not run."""


def measure_tf32(
    model: TrainedModel,
    file: OnnxFile,
    inputs: Inputs,
    reference: Reference,
    candidate: Candidate,
) -> dict[str, Tf32Effect]:
    """Run both programs once more with TF32, where the device has it.

    Args:
        model: The trained network.
        file: The exported graph.
        inputs: Of which the probed ones are run.
        reference: What PyTorch answers without.
        candidate: What ONNX Runtime answers without.
    """
    images = inputs.pixel_values[inputs.probed]
    ours, theirs = _run_torch(model, images), _run_onnx(model, file, images)
    return {
        target.name: Tf32Effect(
            torch=_distance(ours[target.name], reference.float32[target.name][inputs.probed]),
            onnx=_distance(theirs.get(target.name), candidate.probed[WHOLE][target.name]),
        )
        for target in model.targets
    }


@torch.inference_mode()
def _run_torch(model: TrainedModel, images: Tensor) -> Outputs:
    with rounded_float32():
        found = model.network(images.to(model.device, memory_format=torch.channels_last))
    return {name: value.float().cpu() for name, value in found.items()}


def _run_onnx(model: TrainedModel, file: OnnxFile, images: Tensor) -> Outputs:
    names = name_outputs(model.targets)
    try:
        opened = open_session(file.source, model.device, Demands(tf32=True))
        found = opened.run(list(names.values()), images)
    except ExportError:
        return {}
    return {target: found[name] for target, name in names.items()}


@contextmanager
def rounded_float32() -> Iterator[None]:
    """Switch TF32 on for a while, in products of matrices and in convolutions."""
    matmul, convolution = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = matmul
        torch.backends.cudnn.allow_tf32 = convolution


def _distance(found: Tensor | None, before: Tensor) -> float:
    if found is None or found.shape != before.shape:
        return torch.nan
    return (found - before).abs().max().item()
