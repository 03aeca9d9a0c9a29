"""The part of an image that its affine map looks at."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from torch import Tensor

from zoo.training.augment.geometry import Affine, whole_pixels

Pixels = npt.NDArray[np.uint8] | Tensor
"""uint8 [height, width, 3], RGB; a view into a memory map, or a tensor on the CPU."""

Fill = Literal["nearest", "reflect", "mean"]
"""What lies outside an image: its nearest edge, its mirror image, or one colour."""

_MARGIN = 1
"""Pixels around the bounds that bilinear interpolation reaches for."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Patch:
    """Pixels, and the map from the output to them."""

    pixels: npt.NDArray[np.uint8]
    """[height, width, 3]; a view."""
    affine: Affine
    """In coordinates of `pixels`."""
    is_box: bool
    """The output is all of `pixels`, scaled and maybe flipped."""


def cut(image: Pixels, affine: Affine, size: int, fill: Fill) -> Patch:
    """Cut out what the output needs, so that nothing else is copied or moved.

    An upright map that stays inside the image becomes a box of whole pixels: its edges move
    by at most half a pixel of the image.
    """
    pixels: npt.NDArray[Any] = np.asarray(image)
    height, width = pixels.shape[:2]
    bounds = affine.bounds(size)
    if affine.is_upright:
        top, left, box_height, box_width = whole_pixels(bounds)
        if top >= 0 and left >= 0 and top + box_height <= height and left + box_width <= width:
            box = pixels[top : top + box_height, left : left + box_width]
            return Patch(pixels=box, affine=affine.within(top, left), is_box=True)
    rows = _reach(bounds[0], bounds[2], height, fill)
    columns = _reach(bounds[1], bounds[3], width, fill)
    return Patch(
        pixels=pixels[slice(*rows), slice(*columns)],
        affine=affine.within(rows[0], columns[0]),
        is_box=False,
    )


def _reach(start: float, length: float, limit: int, fill: Fill) -> tuple[int, int]:
    """Round a range outwards and keep it inside the image, at least one pixel of it.

    What a mirror shows may lie anywhere: then all of the axis is kept.
    """
    first = math.floor(start) - _MARGIN
    last = math.ceil(start + length) + _MARGIN
    if fill == "reflect" and (first < 0 or last > limit):
        return 0, limit
    first = min(max(first, 0), limit - 1)
    return first, min(max(last, first + 1), limit)
