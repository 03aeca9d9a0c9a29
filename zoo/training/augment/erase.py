"""Random erasing (arXiv:1708.04896): rectangles that carry no information."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from zoo.inputs.transfer import send
from zoo.training.augment.draw import Box


def erase(pixels: Tensor, boxes: Sequence[Box | None], colour: Sequence[float]) -> None:
    """Paint each sample's rectangle in one colour, in place.

    Args:
        pixels: [B, 3, height, width].
        boxes: One a sample; None leaves it as it is.
        colour: RGB, in the range of `pixels`.
    """
    if not any(boxes):
        return
    paint = send(torch.tensor(colour), pixels.device).view(3, 1, 1)
    for image, box in zip(pixels, boxes, strict=True):
        if box is not None:
            top, left, height, width = box
            image[:, top : top + height, left : left + width] = paint
