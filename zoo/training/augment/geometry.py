"""Crop, zoom, shifts, rotation, shear and flips as one affine map a sample."""

from __future__ import annotations

import math
from dataclasses import dataclass

from zoo.inputs.contract import Preprocess
from zoo.training.augment.draw import Box, Draw

Window = tuple[float, float, float, float]
"""Top, left, height and width, pixels; not always whole ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Affine:
    """Where each point of the output lies in the image.

    Coordinates are continuous: pixel 0 reaches from 0 to 1 and its centre is at 0.5, as
    wherever torch says `align_corners=False`.
    """

    xx: float
    xy: float
    x: float
    """x in the image is `xx * column + xy * row + x`."""
    yx: float
    yy: float
    y: float
    """y in the image is `yx * column + yy * row + y`."""

    @property
    def is_upright(self) -> bool:
        """Whether rows stay rows: scaling, shifts and flips only."""
        return self.xy == 0 and self.yx == 0

    @property
    def row(self) -> tuple[float, float, float, float, float, float]:
        """The 2 x 3 matrix, row by row."""
        return self.xx, self.xy, self.x, self.yx, self.yy, self.y

    def bounds(self, size: int) -> Window:
        """Enclose everything that an output of `size` x `size` looks at."""
        lowest_x = self.x + size * (min(self.xx, 0) + min(self.xy, 0))
        lowest_y = self.y + size * (min(self.yx, 0) + min(self.yy, 0))
        width = size * (abs(self.xx) + abs(self.xy))
        height = size * (abs(self.yx) + abs(self.yy))
        return lowest_y, lowest_x, height, width

    def within(self, top: int, left: int) -> Affine:
        """Express the same map in coordinates of a part of the image."""
        return Affine(
            xx=self.xx,
            xy=self.xy,
            x=self.x - left,
            yx=self.yx,
            yy=self.yy,
            y=self.y - top,
        )


def compose(draw: Draw, window: Window, size: int) -> Affine:
    """Compose the map of an output of `size` x `size`, seen through `window`.

    In the output's frame it is the map of Keras' `ImageDataGenerator` as it has been since its
    axes were put right (keras-team/keras-preprocessing#318): rotation · shift · shear · zoom
    about the centre, from the output to the input, after the flips. Rotations are
    counter-clockwise and rows shear along themselves. The frame is then laid over the window.
    """
    top, left, height, width = window
    scale_y, scale_x = height / size, width / size
    zoom_y = -draw.zoom[0] if draw.vertical_flip else draw.zoom[0]
    zoom_x = -draw.zoom[1] if draw.flip else draw.zoom[1]
    cos, sin = math.cos(draw.rotation), math.sin(draw.rotation)
    down, right = draw.shift[0] * size, draw.shift[1] * size
    xx, xy = cos * zoom_x, -math.sin(draw.rotation + draw.shear) * zoom_y
    yx, yy = sin * zoom_x, math.cos(draw.rotation + draw.shear) * zoom_y
    x = cos * right - sin * down - (xx + xy) * size / 2
    y = sin * right + cos * down - (yx + yy) * size / 2
    return Affine(
        xx=scale_x * xx,
        xy=scale_x * xy,
        x=scale_x * x + left + width / 2,
        yx=scale_y * yx,
        yy=scale_y * yy,
        y=scale_y * y + top + height / 2,
    )


def evaluation_window(height: int, width: int, contract: Preprocess) -> Window:
    """Find the part of an image that evaluation sees."""
    kept = contract.size / contract.resize
    seen_height, seen_width = kept * height, kept * width
    if contract.crop_mode == "center":
        seen_height = seen_width = min(seen_height, seen_width)
    return (height - seen_height) / 2, (width - seen_width) / 2, seen_height, seen_width


def whole_pixels(bounds: Window) -> Box:
    """Round a window's edges to whole pixels; at least one each way."""
    top, left, height, width = bounds
    first_row, first_column = round(top), round(left)
    return (
        first_row,
        first_column,
        max(1, round(top + height) - first_row),
        max(1, round(left + width) - first_column),
    )
