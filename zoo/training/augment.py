"""Random crops and flips whose randomness belongs to the sample, not to the worker."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as F

from zoo.inputs.contract import Preprocess
from zoo.recipes import Augment

_ATTEMPTS = 10


def augment(
    image: Tensor, recipe: Augment, contract: Preprocess, generator: torch.Generator
) -> Tensor:
    """Cut a random crop out of an image, resize it to the network's size, maybe flip it.

    Args:
        image: uint8 [3, height, width].
        recipe: Ranges of the crop, probability of the flip.
        contract: Size and interpolation of the network's input.
        generator: Belongs to this sample in this epoch.

    Returns:
        uint8 [3, contract.size, contract.size].
    """
    top, left, height, width = sample_crop(image.shape[1], image.shape[2], recipe, generator)
    crop = F.resized_crop(
        image,
        top,
        left,
        height,
        width,
        [contract.size, contract.size],
        InterpolationMode(contract.interpolation),
        antialias=True,
    )
    flipped: Tensor = F.horizontal_flip(crop) if _uniform(generator) < recipe.flip else crop
    return flipped


def sample_crop(
    height: int, width: int, recipe: Augment, generator: torch.Generator
) -> tuple[int, int, int, int]:
    """Draw a crop as in Inception's training (arXiv:1409.4842): area and ratio at random.

    Returns:
        Top, left, height and width, pixels, inside the image. Where ten draws do not fit,
        the largest centred crop of a permitted ratio.
    """
    low, high = (math.log(ratio) for ratio in recipe.crop_ratio)
    for _ in range(_ATTEMPTS):
        area = height * width * _uniform(generator, *recipe.crop_scale)
        ratio = math.exp(_uniform(generator, low, high))
        crop_width = round(math.sqrt(area * ratio))
        crop_height = round(math.sqrt(area / ratio))
        if 0 < crop_width <= width and 0 < crop_height <= height:
            top = int(_uniform(generator) * (height - crop_height + 1))
            left = int(_uniform(generator) * (width - crop_width + 1))
            return top, left, crop_height, crop_width
    narrow, wide = recipe.crop_ratio
    crop_width = max(1, min(width, round(height * wide)))
    crop_height = max(1, min(height, round(width / narrow)))
    return (height - crop_height) // 2, (width - crop_width) // 2, crop_height, crop_width


def _uniform(generator: torch.Generator, low: float = 0.0, high: float = 1.0) -> float:
    return low + (high - low) * torch.rand((), generator=generator, dtype=torch.float64).item()
