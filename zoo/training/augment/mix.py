"""Mixup and CutMix: every image with a part of another one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from zoo.inputs.transfer import send
from zoo.recipes import Augment
from zoo.seeds import derive_seed


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mixed:
    """A batch that was mixed with a permutation of itself.

    Its loss is `part * loss(truth) + (1 - part) * loss(truth[partner])`.
    """

    images: Tensor
    """[B, 3, height, width]; float32 where they are blended, else as they came."""
    partner: Tensor
    """int64 [B]: whose pixels, and whose truth, came in."""
    part: float
    """How much of each image is its own, in [0, 1]."""


def mix(images: Tensor, recipe: Augment, *, seed: int, step: int) -> Mixed:
    """Mix a batch as the recipe says, the same for the same seed and step.

    One method, one permutation and one part serve the whole batch. With both alphas, a coin
    chooses; with neither, the images stay themselves.
    """
    generator = np.random.default_rng(derive_seed(seed, "mix", step))
    heads = generator.random() < 0.5
    partner = send(torch.from_numpy(generator.permutation(len(images))), images.device)
    if recipe.cutmix and (heads or not recipe.mixup):
        return _cutmix(images, partner, recipe.cutmix, generator)
    if recipe.mixup:
        part = float(generator.beta(recipe.mixup, recipe.mixup))
        mixed = torch.lerp(images[partner].float(), images.float(), part)
        return Mixed(images=mixed, partner=partner, part=part)
    alone = torch.arange(len(images), device=images.device)
    return Mixed(images=images, partner=alone, part=1.0)


def _cutmix(images: Tensor, partner: Tensor, alpha: float, generator: np.random.Generator) -> Mixed:
    """Paste one rectangle of the partner (arXiv:1905.04899), cut off at the image's edges.

    The part is what the rectangle really left, not what was drawn.
    """
    height, width = images.shape[2:]
    side = math.sqrt(1 - generator.beta(alpha, alpha))
    rows = _span(height, side, generator.random())
    columns = _span(width, side, generator.random())
    mixed = images.clone()
    mixed[:, :, rows, columns] = images[partner][:, :, rows, columns]
    covered = (rows.stop - rows.start) * (columns.stop - columns.start)
    return Mixed(images=mixed, partner=partner, part=1 - covered / (height * width))


def _span(length: int, side: float, centre: float) -> slice:
    """Lay `side` of an axis around a centre, both parts of the length, and cut it off."""
    half = round(length * side) / 2
    middle = length * centre
    return slice(max(0, round(middle - half)), min(length, round(middle + half)))
