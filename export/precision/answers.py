"""Answers of a file in fewer bits, and how far they are from float32's."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from export.outputs import decide
from export.parity import part_of
from export.session import open_session
from zoo.evaluation import Outputs, concatenate
from zoo.targets import ClassTarget, Target, ValueTarget

_BATCH = 16


def answer(content: bytes, device: torch.device, images: Tensor) -> Outputs:
    """Run a file over images, float32 [N, 3, H, W]."""
    model = open_session(content, device)
    return concatenate([model.outputs(batch) for batch in images.split(_BATCH)])


def noise_of(targets: Sequence[Target], reference: Outputs, found: Outputs) -> float:
    """Measure how far answers are from float32's, beside what tells those apart; at the worst.

    A root of mean squares over another: 0.1 is a signal-to-noise ratio of 20 dB. Infinite where
    an answer is no number.
    """
    return max(_noise(target, reference[target.name], found[target.name]) for target in targets)


def _noise(target: Target, reference: Tensor, found: Tensor) -> float:
    ours, theirs = (_without_units(target, outputs) for outputs in (reference, found))
    signal = (ours - ours.mean(dim=0)).square().mean().sqrt().item()
    return part_of((theirs - ours).square().mean().sqrt().item(), signal)


def _without_units(target: Target, outputs: Tensor) -> Tensor:
    """Take away what tells nothing: what all classes have in common, and the unit of a value."""
    exact = outputs.double()
    if isinstance(target, ClassTarget):
        return exact - exact.mean(dim=1, keepdim=True)
    if isinstance(target, ValueTarget):
        return exact / torch.tensor(target.std, dtype=torch.float64)
    return exact


def agreement_of(targets: Sequence[Target], reference: Outputs, found: Outputs) -> float | None:
    """Tell which part of the images both decide alike, for the worst target.

    Returns:
        Nothing where only values are told, which decide nothing.
    """
    parts = [agreement(target, reference[target.name], found[target.name]) for target in targets]
    return min((part for part in parts if part is not None), default=None)


def agreement(target: Target, reference: Tensor, found: Tensor) -> float | None:
    """Tell which part of the images both decide alike; nothing of values."""
    if isinstance(target, ValueTarget):
        return None
    alike = decide(target, reference).agree(decide(target, found))
    return alike.double().mean().item()


def is_finite(found: Outputs) -> bool:
    """Tell whether every answer is a number."""
    return all(bool(outputs.isfinite().all()) for outputs in found.values())
