"""All that chance decides about one sample, drawn at once and always in the same order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from zoo.recipes import Augment

_ATTEMPTS = 10
_SINGLE = (
    "rotation",
    "shift_y",
    "shift_x",
    "shear",
    "zoom_y",
    "zoom_x",
    "flip",
    "vertical_flip",
    "brightness",
    "contrast",
    "saturation",
    "hue",
    "grayscale",
    "erase",
)
"""What takes one number each; the crop and the erased rectangle take four an attempt."""
_CROP = len(_SINGLE)
_ERASE = _CROP + 4 * _ATTEMPTS
_COUNT = _ERASE + 4 * _ATTEMPTS

_ERASED_AREA = (0.02, 0.33)
_ERASED_RATIO = (0.3, 3.3)

Box = tuple[int, int, int, int]
"""Top, left, height and width, pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """The random parameters of one sample in one epoch."""

    crop: Box | None
    """What the random crop keeps of the image; None is what evaluation sees."""
    rotation: float
    """Radians."""
    shift: tuple[float, float]
    """Down and right, parts of the side's length."""
    shear: float
    """Radians."""
    zoom: tuple[float, float]
    """Factors of height and width by which more (above 1) or less of the image is seen."""
    flip: bool
    vertical_flip: bool
    brightness: float
    contrast: float
    saturation: float
    """Factors; a saturation of 0 is grey."""
    hue: float
    """Part of the whole circle."""
    erase: Box | None
    """The erased rectangle, pixels of the output."""

    @property
    def colours(self) -> tuple[float, float, float, float]:
        """Brightness, contrast, saturation and hue."""
        return self.brightness, self.contrast, self.saturation, self.hue


def draw(recipe: Augment, height: int, width: int, size: int, generator: torch.Generator) -> Draw:
    """Draw what happens to an image of `height` x `width` that becomes `size` x `size`.

    Every number is drawn whether the recipe needs it or not: a range that is opened or closed
    changes nothing about the others.
    """
    numbers: list[float] = torch.rand(_COUNT, generator=generator, dtype=torch.float64).tolist()
    chance = dict(zip(_SINGLE, numbers[:_CROP], strict=True))

    def within(name: str, reach: float, middle: float = 0.0) -> float:
        return middle + reach * (2 * chance[name] - 1)

    grey = chance["grayscale"] < recipe.grayscale
    erases = chance["erase"] < recipe.erase
    return Draw(
        crop=sample_crop(height, width, recipe, numbers[_CROP:_ERASE])
        if recipe.crop_scale
        else None,
        rotation=math.radians(within("rotation", recipe.rotation)),
        shift=(within("shift_y", recipe.shift), within("shift_x", recipe.shift)),
        shear=math.radians(within("shear", recipe.shear)),
        zoom=(within("zoom_y", recipe.zoom, 1.0), within("zoom_x", recipe.zoom, 1.0)),
        flip=chance["flip"] < recipe.flip,
        vertical_flip=chance["vertical_flip"] < recipe.vertical_flip,
        brightness=max(0.0, within("brightness", recipe.brightness, 1.0)),
        contrast=max(0.0, within("contrast", recipe.contrast, 1.0)),
        saturation=0.0 if grey else max(0.0, within("saturation", recipe.saturation, 1.0)),
        hue=within("hue", recipe.hue),
        erase=sample_erased(size, numbers[_ERASE:]) if erases else None,
    )


def sample_crop(height: int, width: int, recipe: Augment, numbers: Sequence[float]) -> Box:
    """Place a crop as in Inception's training (arXiv:1409.4842): area and ratio at random.

    Args:
        height: Of the image, pixels.
        width: Of the image, pixels.
        recipe: Ranges of area and ratio; its `crop_scale` is not None.
        numbers: In [0, 1), four an attempt.

    Returns:
        A box inside the image. Where no attempt fits, the largest centred crop of a
        permitted ratio.
    """
    assert recipe.crop_scale is not None
    box = _sample_box(height, width, recipe.crop_scale, recipe.crop_ratio, numbers)
    if box is not None:
        return box
    narrow, wide = recipe.crop_ratio
    crop_width = max(1, min(width, round(height * wide)))
    crop_height = max(1, min(height, round(width / narrow)))
    return (height - crop_height) // 2, (width - crop_width) // 2, crop_height, crop_width


def sample_erased(size: int, numbers: Sequence[float]) -> Box | None:
    """Place a rectangle to erase (arXiv:1708.04896); None where no attempt fits."""
    return _sample_box(size, size, _ERASED_AREA, _ERASED_RATIO, numbers)


def _sample_box(
    height: int,
    width: int,
    areas: tuple[float, float],
    ratios: tuple[float, float],
    numbers: Sequence[float],
) -> Box | None:
    """Try areas, uniform, and ratios (width over height), log-uniform, until one fits."""
    low, high = math.log(ratios[0]), math.log(ratios[1])
    for at in range(0, len(numbers), 4):
        area = height * width * (areas[0] + (areas[1] - areas[0]) * numbers[at])
        ratio = math.exp(low + (high - low) * numbers[at + 1])
        box_width = round(math.sqrt(area * ratio))
        box_height = round(math.sqrt(area / ratio))
        if 0 < box_width <= width and 0 < box_height <= height:
            top = int(numbers[at + 2] * (height - box_height + 1))
            left = int(numbers[at + 3] * (width - box_width + 1))
            return top, left, box_height, box_width
    return None
