"""One look at every file: can it be decoded, what kind of image is it, what does it show?"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from zoo.data.inspection import hash_file
from zoo.inputs.image import UnreadableImageError, read_image
from zoo.inputs.members import open_file
from zoo.progress import Progress

SIDE = 32
"""Pixels of each side of the thumbnail that stands for an image."""
CHROMA_SIDE = 8
"""The same of its colours."""

LOOK = np.dtype(
    [
        ("digest", "S64"),
        ("width", "<i4"),
        ("height", "<i4"),
        ("mode", "S8"),
        ("format", "S8"),
        ("turned", "?"),
        ("transparent", "?"),
        ("spread", "u1"),
        ("luma", "u1", (SIDE, SIDE)),
        ("chroma", "i1", (CHROMA_SIDE, CHROMA_SIDE, 2)),
    ]
)
"""What is kept of one image: sha256 in hex; pixels as the file says, before EXIF turns them, 0
where it cannot be decoded; Pillow's names; the distance between the darkest and the lightest pixel
of the liveliest channel; and the upright image squashed to a square, in YCbCr."""

Looks = NDArray[np.void]
"""Structured, of dtype `LOOK`; a row an image."""

_ENOUGH = 64
"""Pixels of a side that a JPEG is decoded at, at least."""
_BLOCK = 4096
"""Images that wait in line at once."""


def look_at(
    paths: Sequence[Path], digests: Sequence[str], progress: Progress
) -> tuple[Looks, dict[int, str]]:
    """Decode every file once, on all cores (Pillow and hashlib release the GIL).

    Args:
        paths: The files.
        digests: Their sha256 where known, else empty: then they are hashed, too.
        progress: Hears of each image.

    Returns:
        A look a file; and why some cannot be decoded, by position.
    """
    looks = np.zeros(len(paths), LOOK)
    bad: dict[int, str] = {}
    progress.start("check", len(paths))
    for at, (look, reason) in enumerate(_look_at_all(paths, digests)):
        looks[at] = look
        if reason:
            bad[at] = reason
        progress.advance(1)
    progress.finish()
    return looks, bad


def _look_at_all(paths: Sequence[Path], digests: Sequence[str]) -> Iterator[tuple[Looks, str]]:
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for start in range(0, len(paths), _BLOCK):
            rows = slice(start, start + _BLOCK)
            yield from pool.map(_look, paths[rows], digests[rows])


def _look(path: Path, digest: str) -> tuple[Looks, str]:
    """Look at one file: a structure of no dimension, and what is wrong."""
    look = np.zeros((), LOOK)
    try:
        look["digest"] = digest or hash_file(path)
        shown = read_image(path, at_least=_ENOUGH)
        _read_header(path, look)
    except UnreadableImageError as error:
        return look, error.problem
    except OSError as error:
        return look, error.strerror or str(error)
    look["spread"] = max(high - low for low, high in _extrema(shown))
    small = shown.resize((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
    pixels = np.asarray(small.convert("YCbCr"))
    look["luma"] = pixels[..., 0]
    look["chroma"] = _shrink(pixels[..., 1:].astype(np.float32) - 128)
    return look, ""


def _read_header(path: Path, look: NDArray[np.void]) -> None:
    with open_file(path) as file, Image.open(file) as image:
        look["width"], look["height"] = image.size
        look["mode"], look["format"] = image.mode.encode(), (image.format or "").encode()
        look["transparent"] = image.has_transparency_data
        look["turned"] = image.getexif().get(ExifTags.Base.Orientation, 1) in range(2, 9)


def _extrema(image: Image.Image) -> list[tuple[int, int]]:
    return [band.getextrema() for band in image.split()]  # type: ignore[misc]


def _shrink(chroma: NDArray[np.float32]) -> NDArray[np.float32]:
    step = SIDE // CHROMA_SIDE
    blocks = chroma.reshape(CHROMA_SIDE, step, CHROMA_SIDE, step, 2)
    return np.asarray(blocks.mean(axis=(1, 3)).round())
