"""The preprocessing contract: what happens to an image between the file and the network."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

Interpolation = Literal["bilinear", "bicubic"]
CropMode = Literal["center", "squash"]
"""How an image that is not square becomes one: its centre, or all of it, squeezed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocess:
    """Decode, turn upright, resize, crop the centre, scale, normalise.

    The same contract serves training, evaluation, prediction and export. Resizing is done
    in float32 with antialiasing, so that an ONNX graph can repeat it to the last digits.
    """

    size: int
    """Height and width that the network sees, pixels."""
    resize: int
    """Length of the short side before the centre crop, or of both sides where the image is
    squashed, pixels; at least `size`."""
    crop_mode: CropMode = "center"
    interpolation: Interpolation
    mean: tuple[float, float, float]
    """Subtracted after scaling to [0, 1]; RGB."""
    std: tuple[float, float, float]
    """Divided by after the mean is subtracted; RGB, positive."""

    def __post_init__(self) -> None:
        if not 0 < self.size <= self.resize:
            raise ValueError(f"cannot crop {self.size} px out of {self.resize} px")
        if not all(map(math.isfinite, (*self.mean, *self.std))):
            raise ValueError("mean and std must be finite")
        if min(self.std) <= 0:
            raise ValueError(f"std must be positive, not {self.std}")

    def at_size(self, size: int) -> Preprocess:
        """Return the contract for another input size, keeping the crop's proportion."""
        return replace(self, size=size, resize=max(size, round(size * self.resize / self.size)))

    def crop_by(self, mode: CropMode | None) -> Preprocess:
        """Return the contract with another crop mode; squashed images lose no border."""
        if mode is None or mode == self.crop_mode:
            return self
        return replace(self, crop_mode=mode, resize=self.size if mode == "squash" else self.resize)
