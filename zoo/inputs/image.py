"""From an image file to what the network sees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError
from torch import Tensor

from zoo.errors import DataError
from zoo.inputs.contract import Preprocess
from zoo.inputs.members import open_file
from zoo.inputs.transfer import send

IMAGE_SUFFIXES = frozenset(
    [
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".bmp",
        ".webp",
        ".tif",
        ".tiff",
        ".gif",
        ".ppm",
        ".pgm",
        ".pbm",
        ".pnm",
        ".avif",
    ]
)
"""Names, in lower case, that are taken for images."""

MAX_PIXELS = Image.MAX_IMAGE_PIXELS or 89_478_485
"""Images beyond this are refused as decompression bombs (Pillow's own threshold)."""

T = TypeVar("T")

_WHITE = (255, 255, 255, 255)


class UnreadableImageError(DataError):
    """One file that cannot be decoded; `problem` is the reason without the path."""


def is_image(path: Path) -> bool:
    """Tell by its name whether a file is to be read as an image."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def read_image(path: Path, *, at_least: int | None = None) -> Image.Image:
    """Decode a file into an upright RGB picture.

    EXIF orientation is applied, grey and 16-bit images are scaled to 8 bits, palettes and
    CMYK converted, and transparency laid over white. Of an animation, the first frame.

    Args:
        path: The file.
        at_least: Pixels of each side that are enough: a JPEG is then decoded at a half, a
            quarter or an eighth of its resolution where that leaves as many.

    Raises:
        UnreadableImageError: The file is no image, is cut short, or decodes to more than
            `MAX_PIXELS`.
    """

    def decode(image: ImageFile.ImageFile) -> Image.Image:
        if at_least is not None:
            image.draft(None, (at_least, at_least))
        return _upright_rgb(image)

    return _guarded(path, decode)


def read_size(path: Path) -> tuple[int, int]:
    """Read from a file's header how many pixels it has: (width, height), before EXIF turns it.

    Raises:
        UnreadableImageError: The file is no image, or has more than `MAX_PIXELS`.
    """
    return _guarded(path, lambda image: image.size)


def check_image(path: Path) -> None:
    """Raise what `read_image` would, at a fraction of its cost for JPEG.

    A JPEG's entropy-coded data is read to the end, at an eighth of the resolution.
    """

    def decode(image: ImageFile.ImageFile) -> None:
        image.draft("RGB", (1, 1))
        if image.mode.startswith(("I", "F")):
            _to_eight_bits(image)
        else:
            image.load()

    _guarded(path, decode)


def to_tensor(image: Image.Image) -> Tensor:
    """Turn an RGB picture into a uint8 tensor [3, height, width]."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()


def preprocess(image: Tensor, contract: Preprocess) -> Tensor:
    """Apply the contract to one image.

    Args:
        image: uint8 [3, height, width], RGB.
        contract: Sizes, interpolation, mean and std.

    Returns:
        float32 [3, contract.size, contract.size], normalised.
    """
    return normalize(resize_and_crop(image, contract), contract)


def resize_and_crop(image: Tensor, contract: Preprocess) -> Tensor:
    """Apply the contract to one image up to its normalisation; nothing is rounded.

    Returns:
        float32 [3, contract.size, contract.size], about [0, 255].
    """
    # Imported when an image is resized: torchvision brings torch's compiler, for one operator.
    from torchvision.transforms.v2 import InterpolationMode
    from torchvision.transforms.v2 import functional as F

    resized = F.resize(
        image.float(),
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


def _guarded(path: Path, decode: Callable[[ImageFile.ImageFile], T]) -> T:
    try:
        with open_file(path) as file, Image.open(file) as image:
            if image.width * image.height > MAX_PIXELS:
                raise Image.DecompressionBombError
            return decode(image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as cause:
        raise UnreadableImageError(f"more than {MAX_PIXELS:,} pixels") from cause
    except UnidentifiedImageError as cause:
        raise UnreadableImageError("not an image") from cause
    except OSError as cause:
        raise UnreadableImageError(cause.strerror or str(cause)) from cause
    except (SyntaxError, ValueError, EOFError, RuntimeError) as cause:
        raise UnreadableImageError(str(cause) or type(cause).__name__) from cause


def _upright_rgb(image: Image.Image) -> Image.Image:
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith(("I", "F")):
        image = _to_eight_bits(image)
    if image.has_transparency_data:
        over = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", over.size, _WHITE), over)
    return image.convert("RGB")


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Scale a 16-bit grey image to 8 bits; Pillow's own conversion clips it."""
    if image.mode == "F":
        raise UnreadableImageError("32-bit float pixels have no defined range")
    values = np.asarray(image, dtype=np.int64)
    if values.min(initial=0) < 0 or values.max(initial=0) > 65_535:
        raise UnreadableImageError("32-bit integer pixels have no defined range")
    return Image.fromarray(np.rint(values / 257).astype(np.uint8))
