"""Colour jitter: torchvision's arithmetic with factors of each sample's own."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from zoo.inputs.transfer import send

Factors = tuple[float, float, float, float]
"""Brightness, contrast, saturation and hue; (1, 1, 1, 0) changes nothing."""

_LUMA = (0.2989, 0.587, 0.114)
_WHITE = 255.0


def adjust_colours(pixels: Tensor, factors: Sequence[Factors]) -> None:
    """Adjust brightness, contrast, saturation and hue in place, always in this order.

    Torchvision's `ColorJitter` shuffles the order for each image; its functions are the same.

    Args:
        pixels: float32 [B, 3, height, width] in [0, 255].
        factors: One a sample.
    """
    table = send(torch.tensor(factors), pixels.device)
    brightness, contrast, saturation, hue = table[:, :, None, None, None].unbind(1)
    used = [{column[at] for column in factors} for at in range(4)]
    if used[0] != {1.0}:
        pixels.mul_(brightness).clamp_(0, _WHITE)
    if used[1] != {1.0}:
        _blend(pixels, contrast, _luma(pixels.mean(dim=(2, 3), keepdim=True)))
    if used[2] != {1.0}:
        _blend(pixels, saturation, _luma(pixels))
    if used[3] != {0.0}:
        turn_hue(pixels, hue)


def turn_hue(pixels: Tensor, turn: Tensor) -> None:
    """Turn every colour, in place, around the grey axis of HSV, keeping value and chroma.

    Args:
        pixels: float32 [B, 3, height, width].
        turn: Parts of the whole circle, [B, 1, 1, 1].
    """
    red, green, blue = pixels.unbind(1)
    value = torch.maximum(torch.maximum(red, green), blue)
    chroma = value - torch.minimum(torch.minimum(red, green), blue)
    sixth = 1 / chroma.clamp_min(torch.finfo(pixels.dtype).tiny)
    # Masks as floats: on the CPU, eight times as fast as `torch.where`.
    is_red, is_green = (torch.eq(value, part, out=torch.empty_like(part)) for part in (red, green))
    hue = torch.lerp((red - green) * sixth + 4, (blue - red) * sixth + 2, is_green)
    hue = torch.lerp(hue, (green - blue) * sixth, is_red)
    # Each channel is the value less a trapezoid of the hue's distance from the channel's
    # opposite, in sixths of the circle: red is least around 3, green around 5, blue around 1.
    opposite = (3 + 2 * torch.arange(3.0, device=pixels.device)).remainder_(6).view(1, 3, 1, 1)
    away = hue[:, None] + (6 * turn - opposite)
    away.sub_((away * (1 / 6)).round_(), alpha=6).abs_().clamp_(1, 2)
    lowest = (value - 2 * chroma)[:, None]
    torch.addcmul(lowest, away, chroma[:, None], out=pixels)


def _luma(pixels: Tensor) -> Tensor:
    red, green, blue = (pixels[:, at : at + 1] * part for at, part in enumerate(_LUMA))
    return red.add_(green).add_(blue)


def _blend(pixels: Tensor, factor: Tensor, other: Tensor) -> None:
    pixels.mul_(factor).add_(other.mul_(1 - factor)).clamp_(0, _WHITE)
