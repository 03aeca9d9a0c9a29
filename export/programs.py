"""The two programs of a verification, run over the same inputs: PyTorch and ONNX Runtime."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from export.interface import name_outputs
from export.samples import Inputs
from export.session import OnnxModel
from zoo.errors import ExportError
from zoo.evaluation import Outputs, concatenate
from zoo.model import TrainedModel, widths_of
from zoo.progress import Progress

BATCH_SIZES = (1, 2, 7, 32)
"""The largest runs over all inputs, the others over those that float64 is computed for."""

_FLOAT64_BATCH = 4


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """What PyTorch answers."""

    float32: Outputs
    """To all inputs."""
    float64: Outputs
    """To the first `num_probed` of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """What ONNX Runtime answers."""

    by_size: dict[int, Outputs]
    """By batch size; NaN where it does not run."""
    errors: dict[int, str]
    """By batch size, why it does not."""

    @property
    def everything(self) -> Outputs:
        """The answers to all inputs."""
        return self.by_size[max(BATCH_SIZES)]


@torch.inference_mode()
def run_reference(model: TrainedModel, inputs: Inputs, progress: Progress) -> Reference:
    """Run PyTorch in float32 on everything, and in float64 on a few."""
    progress.start("PyTorch", len(inputs.names) + inputs.num_probed)
    float32, float64 = [], []
    for batch in inputs.pixel_values.split(max(BATCH_SIZES)):
        float32.append(model.outputs(batch))
        progress.advance(len(batch))
    exact = copy.deepcopy(model.network).double()
    for batch in inputs.pixel_values[: inputs.num_probed].double().split(_FLOAT64_BATCH):
        answers: Outputs = exact(batch.to(model.device))
        float64.append({name: value.cpu() for name, value in answers.items()})
        progress.advance(len(batch))
    progress.finish()
    return Reference(concatenate(float32), concatenate(float64))


def run_candidate(
    onnx_model: OnnxModel, model: TrainedModel, inputs: Inputs, progress: Progress
) -> Candidate:
    """Run ONNX Runtime in every batch size, asking for the outputs that the network has.

    What the file says of itself plays no part: it is what is being examined.
    """
    counts = {
        size: len(inputs.names) if size == max(BATCH_SIZES) else inputs.num_probed
        for size in BATCH_SIZES
    }
    progress.start("ONNX Runtime", sum(counts.values()))
    by_size: dict[int, Outputs] = {}
    errors: dict[int, str] = {}
    for size, count in counts.items():
        images = inputs.pixel_values[:count]
        try:
            by_size[size] = _run_in_batches(onnx_model, model, images, size, progress)
        except ExportError as error:
            errors[size] = error.problem
            by_size[size] = {
                name: torch.full((count, width), math.nan)
                for name, width in widths_of(model.targets).items()
            }
    progress.finish()
    return Candidate(by_size, errors)


def _run_in_batches(
    onnx_model: OnnxModel, model: TrainedModel, images: Tensor, size: int, progress: Progress
) -> Outputs:
    """Run batches of exactly one size: the last is filled up from the start."""
    names, widths = name_outputs(model.targets), widths_of(model.targets)
    order = torch.arange(math.ceil(len(images) / size) * size) % len(images)
    batches = []
    for places in order.split(size):
        found = onnx_model.run(list(names.values()), images[places])
        batches.append(
            {
                target: _require_shape(name, found[name], (size, widths[target]))
                for target, name in names.items()
            }
        )
        progress.advance(size)
    return {name: value[: len(images)] for name, value in concatenate(batches).items()}


def _require_shape(name: str, output: Tensor, wanted: tuple[int, int]) -> Tensor:
    """Refuse an answer that cannot be compared with the network's."""
    if output.shape != wanted:
        raise ExportError(f"{name} has shape {tuple(output.shape)} where PyTorch's has {wanted}")
    return output
