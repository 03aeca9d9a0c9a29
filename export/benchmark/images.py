"""The images of a benchmark: made up, since a dense network takes as long for any image."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.inputs.contract import Preprocess

_PATCHES = 4
"""Along a side. Of noise, whose images are all alike, networks make less that could differ."""


def draw_images(count: int, preprocess: Preprocess, seed: int) -> Tensor:
    """Draw patches of colour that run into each other, and normalise them as real images.

    Returns:
        float32 [count, 3, size, size], on the CPU; the same for the same arguments.
    """
    generator = torch.Generator().manual_seed(seed)
    size = preprocess.size
    patches = torch.rand(count, 3, _PATCHES, _PATCHES, generator=generator)
    pixels = F.interpolate(patches, size=(size, size), mode="bilinear")
    mean, std = (torch.tensor(x)[:, None, None] for x in (preprocess.mean, preprocess.std))
    return pixels.sub_(mean).div_(std)
