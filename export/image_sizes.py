"""Is a graph right for images of other sizes than the traced one? Tried, not assumed."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from export.levels import Verdict, verdict_of
from export.outputs import blocks_of, names_of, spread_of
from export.parity import Parity, compare, part_of, tolerance_of
from export.session import OnnxModel
from zoo.errors import ExportError
from zoo.evaluation import Outputs
from zoo.hardware import exact_float32
from zoo.model import TrainedModel
from zoo.targets.scoring import Figure

ImageSize = tuple[int, int]
"""Height and width, pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeParity:
    """How near the numbers are for images of one size; of several outputs, the worst."""

    size: ImageSize
    verdict: Verdict
    noise_floor: Figure
    """Largest distance of float32 from float64 PyTorch at that size."""
    bound: Figure
    """Largest permitted difference."""
    max_abs_error: Figure
    """Of ONNX Runtime from float32 PyTorch; NaN where it does not run."""
    error: str | None
    """What ONNX Runtime said, where it does not run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SizesLevel:
    """L1 at other image sizes, of a graph that promises to take them."""

    verdict: Verdict
    sizes: tuple[SizeParity, ...]

    def explain(self) -> str:
        """Name the sizes that differ."""
        return "; ".join(_explain(found) for found in self.sizes if found.verdict == "fail")


def other_sizes(model: TrainedModel) -> tuple[ImageSize, ...]:
    """Choose what to try: smaller, larger, by one step, wide, tall."""
    entry, size = model.config.backbone, model.preprocess.size
    step = entry.size_step
    least = math.ceil(entry.min_size / step) * step
    small = max(least, size * 3 // 4 // step * step)
    large = math.ceil(size * 5 / 4 / step) * step
    odd = size + step
    return ((small, small), (large, large), (odd, odd), (small, large), (large, small))


@torch.inference_mode()
def require_free_size(model: TrainedModel) -> None:
    """Make sure that the trained network itself takes images of other sizes.

    Raises:
        ExportError: It does not.
    """
    size = model.preprocess.size
    problem = f"{model.config.backbone.name} has a fixed input of {size} px"
    hint = "leave --dynamic-size out: images are resized to what the network takes"
    if model.config.backbone.fixed_size:
        raise ExportError(problem, hint=hint)
    for height, width in other_sizes(model):
        try:
            model.network(torch.zeros(2, 3, height, width, device=model.device))
        except (RuntimeError, AssertionError, ValueError) as cause:
            reason = f"it does not take {height}×{width}: {str(cause).splitlines()[0]}"
            raise ExportError(f"{problem}; {reason}", hint=hint) from cause


def compare_sizes(
    model: TrainedModel, onnx_model: OnnxModel, pixel_values: Tensor, outputs: dict[str, str]
) -> SizesLevel:
    """Compare every output for images of several sizes, each within its own noise floor.

    Args:
        model: The trained network.
        onnx_model: Its graph, opened.
        pixel_values: float32 [N, 3, H, W], at least two images; they are resized.
        outputs: What the graph calls each target's output (`name_outputs`).
    """
    exact = copy.deepcopy(model.network).double()
    found = []
    for size in other_sizes(model):
        images = nn.functional.interpolate(pixel_values, size, mode="bilinear", antialias=True)
        try:
            answers = onnx_model.run(list(outputs.values()), images)
        except ExportError as error:
            found.append(_does_not_run(size, error.problem))
        else:
            theirs = {target: answers[name] for target, name in outputs.items()}
            found.append(_compare_size(model, exact, images, theirs))
    passed = all(parity.verdict == "pass" for parity in found)
    return SizesLevel(verdict=verdict_of(passed), sizes=tuple(found))


@torch.inference_mode()
def _compare_size(
    model: TrainedModel, exact: nn.Module, images: Tensor, theirs: Outputs
) -> SizeParity:
    with exact_float32():
        float32 = model.outputs(images)
        answers: Outputs = exact(images.double().to(model.device))
    float64 = {name: value.cpu() for name, value in answers.items()}
    parities = list(_compare_blocks(model, float32, float64, theirs))
    worst = max(parities, key=lambda p: (not p.passed, part_of(p.max_abs_error, p.tolerance.bound)))
    return SizeParity(
        size=(images.shape[2], images.shape[3]),
        verdict=verdict_of(all(parity.passed for parity in parities)),
        noise_floor=worst.tolerance.noise_floor,
        bound=worst.tolerance.bound,
        max_abs_error=worst.max_abs_error,
        error=None,
    )


def _compare_blocks(
    model: TrainedModel, float32: Outputs, float64: Outputs, theirs: Outputs
) -> Iterator[Parity]:
    """Compare what shares a unit, target by target."""
    for target in model.targets:
        ours, names = float32[target.name], names_of(target)
        for block in blocks_of(target):
            yield compare(
                ours[:, block],
                theirs[target.name][:, block],
                tolerance_of(
                    ours[:, block],
                    float64[target.name][:, block],
                    spread_of(target, ours[:, block]),
                ),
                samples=[str(at) for at in range(len(ours))],
                outputs=[names[at] for at in block],
            )


def _does_not_run(size: ImageSize, error: str) -> SizeParity:
    nan = math.nan
    return SizeParity(
        size=size, verdict="fail", noise_floor=nan, bound=nan, max_abs_error=nan, error=error
    )


def _explain(found: SizeParity) -> str:
    height, width = found.size
    if found.error:
        return f"{height}×{width}: {found.error}"
    return f"{height}×{width}: off by {found.max_abs_error:.2e} where {found.bound:.2e} is allowed"
