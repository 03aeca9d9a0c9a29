"""One image at little more than the resolution that a network sees."""

from __future__ import annotations

import platform
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, __version__, features

from zoo.inputs.image import read_image, read_size

REVISION = 1
"""Counts up whenever `decode_reduced` gives other pixels for the same file."""

_LOSSY = ("libjpeg_turbo", "jpg", "webp", "avif", "libtiff")
"""Codecs whose versions may differ in what they decode."""


def decode_reduced(path: Path, side: int) -> NDArray[np.uint8]:
    """Decode an image upright and scale its short side down to `side`; never up.

    A large JPEG is decoded at a fraction of its resolution first. The rest is bicubic:
    what the network then sees is nearly as close to preprocessing the file itself as with
    Lanczos (a grey level on average, photos of 400 pixels reduced to 256), and twice as close
    as with a box.

    Args:
        path: Whatever `read_image` reads.
        side: Short side in pixels, at least 1.

    Returns:
        RGB [height, width, 3], read-only; the same bytes for the same file and
        `describe_decoder`.

    Raises:
        UnreadableImageError: As `read_image` does.
    """
    return reduce_image(read_image(path, at_least=side), side)


def reduce_image(image: Image.Image, side: int) -> NDArray[np.uint8]:
    """Scale the short side of a decoded picture down to `side`; never up."""
    size = reduce_size(image.width, image.height, side)
    if size != image.size:
        image = image.resize(size, Image.Resampling.BICUBIC)
    pixels = np.array(image)
    pixels.flags.writeable = False
    return pixels


def is_decoded_whole(image: Image.Image, side: int) -> bool:
    """Tell whether `decode_reduced` would not have decoded a picture at a fraction of its size."""
    return min(image.size) < 2 * side


def reduce_size(width: int, height: int, side: int) -> tuple[int, int]:
    """Scale (width, height) so that the shorter one is `side` or was below it already."""
    short = min(width, height)
    if short <= side:
        return width, height
    return round(width * side / short), round(height * side / short)


def measure_reduced(path: Path, side: int) -> int:
    """Tell from its header how many bytes an image takes once it is reduced.

    Raises:
        UnreadableImageError: As `read_size` does.
    """
    width, height = reduce_size(*read_size(path), side)
    return 3 * width * height


def describe_decoder(method: str) -> str:
    """Name everything that decoded pixels depend on besides the file.

    Args:
        method: What is done to a decoded picture, in words that change whenever it does.
    """
    codecs = (f"{name} {features.version(name)}" for name in _LOSSY)
    return ", ".join([method, f"pillow {__version__}", *codecs, platform.machine()])
