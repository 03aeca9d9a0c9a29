"""From an image file to what the network sees."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as F

from zoo.inputs.contract import Preprocess
from zoo.inputs.decode import (
    IMAGE_SUFFIXES,
    MAX_PIXELS,
    UnreadableImageError,
    check_image,
    is_image,
    read_image,
    read_size,
)

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "UnreadableImageError",
    "check_image",
    "is_image",
    "normalize",
    "preprocess",
    "read_image",
    "read_size",
    "to_tensor",
]


def to_tensor(image: Image.Image) -> Tensor:
    """Turn an RGB picture into a uint8 tensor [3, height, width]."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()


def preprocess(
    image: Tensor, contract: Preprocess, *, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Apply the contract to one image.

    Args:
        image: uint8 [3, height, width], RGB.
        contract: Sizes, interpolation, mean and std.
        dtype: What to compute in; float64 measures the rounding of float32.

    Returns:
        [3, contract.size, contract.size], normalised.
    """
    resized = F.resize(
        image.to(dtype),
        [contract.resize] * (2 if contract.crop_mode == "squash" else 1),
        InterpolationMode(contract.interpolation),
        antialias=True,
    )
    return normalize(F.center_crop(resized, [contract.size, contract.size]), contract)


def normalize(pixels: Tensor, contract: Preprocess) -> Tensor:
    """Scale float pixels [..., 3, height, width] from [0, 255] and normalise them."""
    mean = torch.tensor(contract.mean, device=pixels.device).view(3, 1, 1)
    std = torch.tensor(contract.std, device=pixels.device).view(3, 1, 1)
    return (pixels / 255.0 - mean) / std
