"""From an image file to what the network sees."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

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
from zoo.inputs.transfer import send

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
    return normalize(resize_and_crop(image, contract, dtype=dtype), contract)


def resize_and_crop(
    image: Tensor, contract: Preprocess, *, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Apply the contract to one image up to its normalisation; nothing is rounded.

    Returns:
        [3, contract.size, contract.size], about [0, 255].
    """
    # Imported when an image is resized: torchvision brings torch's compiler, for one operator.
    from torchvision.transforms.v2 import InterpolationMode
    from torchvision.transforms.v2 import functional as F

    resized = F.resize(
        image.to(dtype),
        [contract.resize] * (2 if contract.crop_mode == "squash" else 1),
        InterpolationMode(contract.interpolation),
        antialias=True,
    )
    cropped: Tensor = F.center_crop(resized, [contract.size, contract.size])
    return cropped


def normalize(pixels: Tensor, contract: Preprocess) -> Tensor:
    """Scale float pixels [..., 3, height, width] from [0, 255] and normalise them."""
    table = send(torch.tensor([contract.mean, contract.std]), pixels.device)
    mean, std = table[..., None, None].unbind()
    return (pixels / 255.0 - mean) / std
