"""What the images themselves tell: those that show nothing, or that are unusual."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoo.data.check.findings import MOST_GROUPS, Finding, Severity, count_of
from zoo.data.check.look import Looks
from zoo.data.check.rows import Rows

SMALLEST_SIDE = 32
"""Pixels; of images with a shorter side, little is left to see."""
FLAT = 10
"""Grey levels, of 255, between the darkest and the lightest pixel of an image without content."""
ASPECT = 4
"""Long side by short side; a centre crop sees at most a quarter of a longer image."""

_CONVERTED: Mapping[str, str] = {
    "CMYK": "in CMYK, converted to RGB without a colour profile",
    "P": "with a palette, which is looked up",
    "PA": "with a palette, which is looked up",
    "1": "with one bit a pixel, read as grey",
    "I;16": "with 16 bits a pixel, scaled to 8",
    "I;16B": "with 16 bits a pixel, scaled to 8",
    "I": "with 32 bits a pixel, of which 16 are used, scaled to 8",
    "LAB": "in CIELAB, converted to RGB",
    "YCbCr": "in YCbCr, converted to RGB",
    "HSV": "in HSV, converted to RGB",
}
"""What becomes of images of unusual modes, by Pillow's name of the mode."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pictures:
    """The different images of a data set."""

    rows: Rows
    looks: Looks
    """[D], by content; of width 0 where an image cannot be read."""

    @property
    def sides(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Short and long side of each image, pixels; [D] each."""
        sides = np.stack([self.looks["width"], self.looks["height"]]).astype(np.int64)
        return sides.min(axis=0), sides.max(axis=0)

    def report(
        self,
        kind: str,
        chosen: NDArray[np.bool_],
        what: str,
        hint: str = "",
        severity: Severity = "warning",
    ) -> Iterator[Finding]:
        """Yield a finding about these images, each with its size, if there are any."""
        found = np.flatnonzero(chosen & (self.looks["width"] > 0))
        if len(found):
            firsts = self.rows.first_rows()
            yield Finding(
                kind=kind,
                severity=severity,
                count=len(found),
                text=f"{count_of(len(found), 'image')} {what}",
                hint=hint,
                groups=tuple(
                    (self.rows.place(int(firsts[at]), self._size(at)),)
                    for at in found[:MOST_GROUPS].tolist()
                ),
            )

    def _size(self, at: int) -> str:
        return f"{self.looks['width'][at]} x {self.looks['height'][at]}"


def check_pictures(pictures: Pictures, img_size: int) -> Iterator[Finding]:
    """Yield what is unusual about the images.

    Args:
        pictures: What was seen of them.
        img_size: Pixels of each side that the network sees.
    """
    yield from _check_content(pictures, img_size)
    yield from _check_storage(pictures)


def _check_content(pictures: Pictures, img_size: int) -> Iterator[Finding]:
    small, large = pictures.sides
    least = max(SMALLEST_SIDE, img_size // 4)
    yield from pictures.report(
        "constant",
        pictures.looks["spread"] <= FLAT,
        "of one colour, or nearly so",
        "there is nothing to see in it: remove it, unless that is what it is to show",
    )
    yield from pictures.report(
        "tiny",
        small < least,
        f"with a side below {least} pixels; the network sees {img_size}",
        "enlarging adds nothing to see: find the originals, or train with a smaller --img-size",
    )
    yield from pictures.report(
        "aspect",
        large > ASPECT * small,
        f"more than {ASPECT} times as long as wide, or as wide as long",
        "a centre crop sees the middle only: cut it up before",
    )


def _check_storage(pictures: Pictures) -> Iterator[Finding]:
    looks = pictures.looks
    yield from pictures.report(
        "turned",
        looks["turned"],
        "stored turned or mirrored, as EXIF says, and shown upright",
        severity="note",
    )
    yield from pictures.report(
        "transparent",
        looks["transparent"],
        "with transparency, laid over white",
        severity="note",
    )
    for mode, what in _CONVERTED.items():
        chosen = looks["mode"] == mode.encode()
        yield from pictures.report(f"mode-{mode}", chosen, what, severity="note")
