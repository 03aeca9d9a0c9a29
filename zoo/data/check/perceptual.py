"""Whether two thumbnails show the same picture, re-encoded, resized, turned or cropped a little."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from zoo.data.check.look import SIDE

Pixel = TypeVar("Pixel", bound=np.generic)

Thumbs = NDArray[np.uint8]
"""[N, SIDE, SIDE]; luma of upright images squashed to a square."""

TURNS: Mapping[str, tuple[int, bool]] = {
    "": (0, False),
    "mirrored": (0, True),
    "turned by 90 degrees": (1, False),
    "turned by 180 degrees": (2, False),
    "turned by 270 degrees": (3, False),
    "mirrored and turned by 90 degrees": (1, True),
    "upside down": (2, True),
    "mirrored and turned by 270 degrees": (3, True),
}
"""The ways to lay a square on itself: quarter turns to the left, after mirroring."""

_BLOCK = 4096
"""Thumbnails computed on at once."""
_FREQUENCIES = 8
_FINE, _COARSE = 0.7, 2.0
"""Standard deviations, in pixels of the thumbnail, between which details lie."""
_REACH = 12
"""Pixels beyond the borders that blurs take into account; six of the wider one."""
_FAINT = 1.0
"""Grey levels (root mean square) of details; fainter ones are what compression left of them."""


def turn(images: NDArray[Pixel], how: str) -> NDArray[Pixel]:
    """Turn thumbnails [N, side, side, ...] in one of `TURNS`."""
    quarters, mirrored = TURNS[how]
    return np.rot90(images[:, :, ::-1] if mirrored else images, quarters, axes=(1, 2))


def hash_thumbs(thumbs: Thumbs) -> NDArray[np.uint64]:
    """Hash each thumbnail's coarse shapes to 64 bits, [N].

    A bit says whether one of the lowest 8 x 8 frequencies of the discrete cosine transform is
    above their median (pHash; Zauner, Implementation and Benchmarking of Perceptual Image Hash
    Functions, 2010). The mean brightness counts as 0.
    """
    hashes = np.empty(len(thumbs), dtype=np.uint64)
    cosines = _cosines()
    for start in range(0, len(thumbs), _BLOCK):
        rows = slice(start, start + _BLOCK)
        waves = cosines @ thumbs[rows].astype(np.float32) @ cosines.T
        waves = waves.reshape(len(waves), -1)
        waves[:, 0] = 0.0
        bits = waves > np.median(waves, axis=1, keepdims=True)
        hashes[rows] = np.packbits(bits, axis=1).view(np.uint64).ravel()
    return hashes


def find_details(thumbs: Thumbs) -> NDArray[np.int8]:
    """Keep what lies between two blurs, each image scaled to its own strongest; of one shape.

    Coarse shapes are alike in any two photographs of one kind of thing before one background;
    edges and patterns are not. Where there are only faint ones, all is 0.
    """
    details = np.empty(thumbs.shape, dtype=np.int8)
    for start in range(0, len(thumbs), _BLOCK):
        rows = slice(start, start + _BLOCK)
        pixels = thumbs[rows].astype(np.float32)
        kept = _blur(pixels, _FINE) - _blur(pixels, _COARSE)
        kept -= kept.mean(axis=(1, 2), keepdims=True)
        kept[kept.std(axis=(1, 2)) < _FAINT] = 0.0
        most = np.abs(kept).max(axis=(1, 2), keepdims=True)
        details[rows] = (kept * (127 / np.maximum(most, _FAINT))).round()
    return details


def compare_details(first: NDArray[np.int8], second: NDArray[np.int8]) -> NDArray[np.float32]:
    """Correlate pairs of details, in [-1, 1], and 0 where there are none; [N]."""
    ours, theirs = first.astype(np.float32), second.astype(np.float32)
    power = _sum_products(ours, ours) * _sum_products(theirs, theirs)
    return np.asarray(_sum_products(ours, theirs) / np.sqrt(np.maximum(power, 1.0)))


def compare_colours(first: NDArray[np.int8], second: NDArray[np.int8]) -> NDArray[np.float32]:
    """Mean distance of pairs of chroma planes [N, side, side, 2], levels of 255; [N]."""
    gaps = np.abs(first.astype(np.float32) - second.astype(np.float32))
    return np.asarray(gaps.mean(axis=(1, 2, 3)))


def _sum_products(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.einsum("nij,nij->n", first, second))


def _blur(pixels: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Blur along both axes with a Gaussian of `sigma` pixels; slopes go on beyond the borders."""
    row, column = np.mgrid[:SIDE, -_REACH : SIDE + _REACH]
    weights = np.exp(-((row - column) ** 2) / (2 * sigma**2))
    # Numbers too small for float32's normal range make processors slow.
    weights[weights < 1e-6] = 0.0
    margins = ((_REACH, _REACH), (0, 0))
    beyond = np.pad(np.eye(SIDE), margins, mode="reflect", reflect_type="odd")
    matrix = (weights / weights.sum(axis=1, keepdims=True) @ beyond).T.astype(np.float32)
    # Two plain products of matrices; numpy multiplies stacks of small ones far more slowly.
    across = (pixels.reshape(-1, SIDE) @ matrix).reshape(pixels.shape).transpose(0, 2, 1)
    down = (across.reshape(-1, SIDE) @ matrix).reshape(pixels.shape).transpose(0, 2, 1)
    return np.asarray(down)


def _cosines() -> NDArray[np.float32]:
    """The lowest rows of the discrete cosine transform (DCT-II), [8, SIDE]."""
    frequency, place = np.mgrid[:_FREQUENCIES, :SIDE]
    waves = np.cos(np.pi * frequency * (2 * place + 1) / (2 * SIDE))
    return np.asarray(waves, dtype=np.float32)
