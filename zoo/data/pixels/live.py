"""Images decoded from their files: what a store keeps, and what is read where there is none."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from zoo.data.pixels.reduce import REVISION, decode_reduced, describe_decoder, measure_reduced
from zoo.data.pixels.signatures import Files
from zoo.data.pixels.store import Identity
from zoo.inputs.image import UnreadableImageError

Pixels = NDArray[np.uint8]
"""One image: [height, width, 3], read-only."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """Some images, as they were asked for by index."""

    pixels: dict[int, Pixels]
    unreadable: dict[int, str]
    """Why a file cannot be decoded."""
    trouble: str = ""
    """Why decoded images are not kept, where they were to be."""


class PixelSource(Protocol):
    """Images by index; it can be sent to other processes."""

    def __len__(self) -> int:
        """Count the images."""

    def path(self, index: int) -> Path:
        """Say which file an image comes from."""

    def read(self, index: int) -> Pixels:
        """Give one image.

        Raises:
            UnreadableImageError: Its file has to be decoded and cannot be.
        """

    def read_many(self, indices: Sequence[int], *, threads: int = 1) -> Found:
        """Give some images.

        Args:
            indices: Which ones.
            threads: How many decode at once what has to be decoded.
        """

    def hear(self, trouble: str) -> None:
        """Hear, in the process that speaks to the user, what a copy of this one came across."""


class LiveImages(ABC):
    """Images decoded whenever they are asked for."""

    def __init__(self, files: Files, *, root: Path) -> None:
        self.files = files
        self.root = root

    @abstractmethod
    def decode(self, path: Path) -> Pixels:
        """Decode one file: the same bytes for the same file and `identity`.

        Raises:
            UnreadableImageError: It is no image.
        """

    @abstractmethod
    def measure(self, path: Path) -> int:
        """Tell how many bytes the pixels of a file take, without decoding it.

        Raises:
            UnreadableImageError: It is no image.
        """

    @property
    @abstractmethod
    def identity(self) -> Identity:
        """What a store of these images would be called by."""

    def __len__(self) -> int:
        return len(self.files)

    def path(self, index: int) -> Path:
        """Say which file an image comes from."""
        return Path(os.path.join(self.root, self.files[index]))  # noqa: PTH118

    def read(self, index: int) -> Pixels:
        """Decode one image.

        Raises:
            UnreadableImageError: It cannot be.
        """
        return self.decode(self.path(index))

    def read_many(self, indices: Sequence[int], *, threads: int = 1) -> Found:
        """Decode some images; Pillow and zlib release the interpreter's lock."""
        wanted = [*dict.fromkeys(indices)]
        if threads > 1 and len(wanted) > 1:
            with ThreadPoolExecutor(min(threads, len(wanted))) as pool:
                decoded = [*pool.map(self._try, wanted)]
        else:
            decoded = [self._try(index) for index in wanted]
        images = [*zip(wanted, decoded, strict=True)]
        return Found(
            pixels={index: image for index, image in images if not isinstance(image, str)},
            unreadable={index: why for index, why in images if isinstance(why, str)},
        )

    def hear(self, trouble: str) -> None:  # noqa: B027
        """Nothing is kept here, so nothing can go wrong with it."""

    def _try(self, index: int) -> Pixels | str:
        try:
            return self.read(index)
        except UnreadableImageError as error:
            return error.problem


class LivePixels(LiveImages):
    """Images for training, reduced; see `decode_reduced`."""

    def __init__(self, files: Files, *, root: Path, side: int) -> None:
        super().__init__(files, root=root)
        self.side = side

    def decode(self, path: Path) -> Pixels:
        """Decode one file and scale its short side down."""
        return decode_reduced(path, self.side)

    def measure(self, path: Path) -> int:
        """Tell from its header how many bytes an image takes."""
        return measure_reduced(path, self.side)

    @property
    def identity(self) -> Identity:
        """The folder, the side and the decoder."""
        return Identity(
            root=as_text(self.root), side=self.side, decoder=describe_decoder(f"reduce {REVISION}")
        )


def as_text(root: Path) -> str:
    """Write a folder's name even where it is no valid UTF-8."""
    return os.fsencode(root).decode("utf-8", "backslashreplace")
