"""The two programs of a verification, run over the same inputs: PyTorch and ONNX Runtime."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from export.interface import name_outputs
from export.samples import Inputs
from export.session import OnnxModel
from zoo.errors import ExportError
from zoo.evaluation import Outputs, concatenate
from zoo.model import TrainedModel, widths_of
from zoo.progress import Progress

WHOLE = 32
"""The batch size in which all inputs run; in the others run those that are probed."""
BATCH_SIZES = (1, 2, 7, WHOLE, WHOLE + 1)
"""Alone, even, odd, a power of two and one past it."""

_FLOAT32_BATCH, _FLOAT64_BATCH = 16, 4
"""What PyTorch runs in, whose answers depend on no batch: 16 images stay in a CPU's caches, and
efficientnet_lite0 needs a third less for each than in a batch of 32."""


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """What PyTorch answers."""

    float32: Outputs
    """To all inputs."""
    float64: Outputs
    """To the probed ones."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """What ONNX Runtime answers."""

    everything: Outputs
    """To all inputs, in batches of `WHOLE`; NaN where it does not run."""
    probed: dict[int, Outputs]
    """To the probed ones, by batch size; NaN where it does not run."""
    errors: dict[int, str]
    """By batch size, why it does not."""


@torch.inference_mode()
def run_reference(model: TrainedModel, inputs: Inputs, progress: Progress) -> Reference:
    """Run PyTorch in float32 on everything, and in float64 on a few."""
    progress.start("PyTorch", len(inputs.names) + len(inputs.probed))
    float32, float64 = [], []
    for batch in inputs.pixel_values.split(_FLOAT32_BATCH):
        float32.append(model.outputs(batch))
        progress.advance(len(batch))
    exact = widen(model.network)
    for batch in inputs.pixel_values[inputs.probed].split(_FLOAT64_BATCH):
        answers: Outputs = exact(batch.to(model.device, torch.float64))
        float64.append({name: value.cpu() for name, value in answers.items()})
        progress.advance(len(batch))
    progress.finish()
    return Reference(concatenate(float32), concatenate(float64))


def widen(network: nn.Module) -> nn.Module:
    """Copy a network in float64.

    Its weights are laid out channel by channel: torch has fast kernels for float64 in no other
    layout, and needs three times as long for depthwise convolutions.
    """
    return copy.deepcopy(network).double().to(memory_format=torch.contiguous_format)


def run_candidate(
    onnx_model: OnnxModel, model: TrainedModel, inputs: Inputs, progress: Progress
) -> Candidate:
    """Run ONNX Runtime in every batch size, asking for the outputs that the network has.

    What the file says of itself plays no part: it is what is being examined.
    """
    places = {size: torch.tensor(inputs.probed) for size in BATCH_SIZES}
    places[WHOLE] = torch.arange(len(inputs.names))
    progress.start("ONNX Runtime", sum(map(len, places.values())))
    found: dict[int, Outputs] = {}
    errors: dict[int, str] = {}
    for size, which in places.items():
        try:
            found[size] = _run_in_batches(onnx_model, model, inputs, which, size)
        except ExportError as error:
            errors[size] = error.problem
            found[size] = _no_answers(model, len(which))
        progress.advance(len(which))
    progress.finish()
    everything = found[WHOLE]
    found[WHOLE] = {name: value[inputs.probed] for name, value in everything.items()}
    return Candidate(everything, found, errors)


def _no_answers(model: TrainedModel, count: int) -> Outputs:
    widths = widths_of(model.targets)
    return {name: torch.full((count, width), math.nan) for name, width in widths.items()}


def _run_in_batches(
    onnx_model: OnnxModel, model: TrainedModel, inputs: Inputs, which: Tensor, size: int
) -> Outputs:
    """Run batches of exactly one size: the last is filled up from the start."""
    names, widths = name_outputs(model.targets), widths_of(model.targets)
    order = which[torch.arange(math.ceil(len(which) / size) * size) % len(which)]
    batches = []
    for places in order.split(size):
        found = onnx_model.run(list(names.values()), inputs.pixel_values[places])
        batches.append(
            {
                target: _require_shape(name, found[name], (size, widths[target]))
                for target, name in names.items()
            }
        )
    return {name: value[: len(which)] for name, value in concatenate(batches).items()}


def _require_shape(name: str, output: Tensor, wanted: tuple[int, int]) -> Tensor:
    """Refuse an answer that cannot be compared with the network's."""
    if output.shape != wanted:
        raise ExportError(f"{name} has shape {tuple(output.shape)} where PyTorch's has {wanted}")
    return output
