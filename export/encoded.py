"""Encoded picture files of every kind that a deployment meets, to send through both pipelines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from zoo.seeds import derive_seed

_ORIENTATION = 0x0112
"""EXIF's tag that says how a picture is turned, 1 to 8 (CIPA DC-008)."""

Writer = Callable[[Path, Image.Image], None]


def write_probes(folder: Path, pictures: Sequence[Image.Image]) -> list[Path]:
    """Write one file of each kind.

    Args:
        folder: Where; it exists.
        pictures: RGB; taken in turn, so that not all files show the same.
    """
    paths = []
    for at, (name, (size, write)) in enumerate(PROBES.items()):
        path = folder / name
        picture = pictures[at % len(pictures)].resize(size, Image.Resampling.BICUBIC)
        write(path, picture)
        paths.append(path)
    return paths


def draw_pictures(count: int = 4) -> list[Image.Image]:
    """Draw pictures where there are no photos: soft colours, hard edges, a little noise."""
    return [_draw(np.random.default_rng(derive_seed("probe", at))) for at in range(count)]


def _draw(rng: np.random.Generator) -> Image.Image:
    height, width = 200, 260
    y, x = np.mgrid[:height, :width]
    angles, periods = rng.uniform(0, np.pi, 3), rng.uniform(5, 90, 3)
    along = x[..., None] * np.cos(angles) + y[..., None] * np.sin(angles)
    pixels = 128 + 90 * np.sin(2 * np.pi * along / periods)
    top, left = rng.integers(0, 90, 2)
    pixels[top : top + 80, left : left + 120] = rng.uniform(0, 255, 3)
    pixels += rng.normal(0, 12, pixels.shape)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _jpeg(path: Path, picture: Image.Image) -> None:
    picture.save(path, quality=90)


def _progressive(path: Path, picture: Image.Image) -> None:
    picture.save(path, quality=85, progressive=True)


def _sharp_colours(path: Path, picture: Image.Image) -> None:
    picture.save(path, quality=75, subsampling="4:4:4")


def _in_mode(mode: str) -> Writer:
    def write(path: Path, picture: Image.Image) -> None:
        picture.convert(mode).save(path)

    return write


def _turned(orientation: int) -> Writer:
    def write(path: Path, picture: Image.Image) -> None:
        exif = Image.Exif()
        exif[_ORIENTATION] = orientation
        picture.save(path, exif=exif, quality=90)

    return write


def _palette(path: Path, picture: Image.Image) -> None:
    picture.quantize(64).save(path)


def _palette_with_hole(path: Path, picture: Image.Image) -> None:
    picture.quantize(64).save(path, transparency=0)


def _alpha(path: Path, picture: Image.Image) -> None:
    """Fade to nothing from left to right."""
    ramp = np.linspace(255, 0, picture.width).astype(np.uint8)
    fading = np.broadcast_to(ramp, (picture.height, picture.width))
    picture.putalpha(Image.fromarray(np.ascontiguousarray(fading)))
    picture.save(path, lossless=True)


def _sixteen_bits(path: Path, picture: Image.Image) -> None:
    """Grey of 65,536 shades, all of them in use."""
    grey = np.asarray(picture.convert("F")) / 255 * 65_535
    Image.fromarray(grey.clip(0, 65_535).astype(np.uint16)).save(path)


def _plain(path: Path, picture: Image.Image) -> None:
    picture.save(path)


PROBES: Mapping[str, tuple[tuple[int, int], Writer]] = {
    "baseline.jpg": ((240, 180), _jpeg),
    "progressive.jpg": ((240, 180), _progressive),
    "sharp-colours.jpg": ((173, 221), _sharp_colours),
    "grey.jpg": ((240, 180), _in_mode("L")),
    "cmyk.jpg": ((200, 210), _in_mode("CMYK")),
    **{f"turned-{turn}.jpg": ((240, 160), _turned(turn)) for turn in range(1, 9)},
    "palette.png": ((240, 180), _palette),
    "palette-with-hole.png": ((130, 190), _palette_with_hole),
    "alpha.png": ((240, 180), _alpha),
    "one-bit.png": ((150, 111), _in_mode("1")),
    "sixteen-bits.png": ((201, 163), _sixteen_bits),
    "lossy.webp": ((190, 140), _plain),
    "alpha.webp": ((190, 140), _alpha),
    "square.png": ((256, 256), _plain),
    "odd.png": ((101, 77), _plain),
    "upright-odd.png": ((77, 103), _plain),
    "tiny.png": ((5, 3), _plain),
    "one-pixel.png": ((1, 1), _plain),
    "one-row.png": ((23, 1), _plain),
    "one-column.png": ((1, 23), _plain),
    "wide.png": ((307, 11), _plain),
    "tall.png": ((13, 311), _plain),
    "large.jpg": ((1601, 1203), _jpeg),
}
"""By file name: (width, height), and how it is written."""
