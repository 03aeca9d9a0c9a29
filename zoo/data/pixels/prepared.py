"""Images as evaluation sees them, kept to the last bit.

The contract resizes in float32 and rounds nothing, so that what is kept are the four bytes of
every float: a little more than the pixels that training keeps of a photo.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from zoo.data.pixels.live import Found, LiveImages, Pixels, as_text
from zoo.data.pixels.reduce import describe_decoder, is_decoded_whole, reduce_image
from zoo.data.pixels.signatures import Files
from zoo.data.pixels.source import StoredPixels
from zoo.data.pixels.store import Identity
from zoo.inputs.contract import Preprocess
from zoo.inputs.image import (
    UnreadableImageError,
    normalize,
    read_image,
    read_size,
    resize_and_crop,
    to_tensor,
)

REVISION = 1
"""Counts up whenever `resize_and_crop` gives other floats for the same file."""


class LivePrepared(LiveImages):
    """Images resized and cropped by a contract, not yet normalised."""

    def __init__(self, files: Files, *, root: Path, contract: Preprocess) -> None:
        super().__init__(files, root=root)
        self.contract = contract

    def decode(self, path: Path) -> Pixels:
        """Decode one file; `to_batch` reads the bytes."""
        return self.prepare(read_image(path))

    def prepare(self, image: Image.Image) -> Pixels:
        """Resize and crop a decoded picture: uint8 [size, 4 * size, 3], the bytes of floats."""
        floats = resize_and_crop(to_tensor(image), self.contract).contiguous().numpy()
        size = self.contract.size
        pixels = floats.view(np.uint8).reshape(size, 4 * size, 3)
        pixels.flags.writeable = False
        return pixels

    def measure(self, path: Path) -> int:
        """All take the same; what is no image takes nothing."""
        read_size(path)
        return 12 * self.contract.size**2

    @property
    def identity(self) -> Identity:
        """The folder, the contract up to its normalisation, and what computes it."""
        contract = self.contract
        method = (
            f"prepare {REVISION}, resize {contract.resize}, {contract.crop_mode}, "
            f"{contract.interpolation}, torch {torch.__version__}, "
            f"{torch.backends.cpu.get_cpu_capability()}"
        )
        return Identity(
            root=as_text(self.root), side=contract.size, decoder=describe_decoder(method)
        )


class LiveTwice(LivePrepared):
    """Images for evaluation, whose reduced pixels are kept for training by the way.

    One decoding makes both where both begin with all of a file's pixels. A large JPEG does not:
    training decodes it at a fraction of its resolution, which is cheap and is not exact enough
    for evaluation.
    """

    def __init__(self, training: StoredPixels, contract: Preprocess, *, side: int) -> None:
        super().__init__(training.live.files, root=training.live.root, contract=contract)
        self.training = training
        self.side = side

    def read_many(self, indices: Sequence[int], *, threads: int = 1) -> Found:  # noqa: ARG002
        """Decode some images, one after the other: resizing takes several threads already."""
        lacking = self.training.find_lacking(indices)
        pixels: dict[int, Pixels] = {}
        unreadable: dict[int, str] = {}
        reduced: dict[int, Pixels] = {}
        for index in dict.fromkeys(indices):
            try:
                image = read_image(self.path(index))
            except UnreadableImageError as error:
                unreadable[index] = error.problem
                continue
            pixels[index] = self.prepare(image)
            if index in lacking and is_decoded_whole(image, self.side):
                reduced[index] = reduce_image(image, self.side)
        self.training.keep(reduced)
        return Found(pixels=pixels, unreadable=unreadable, trouble=self.training.trouble)

    def hear(self, trouble: str) -> None:
        """Pass it on."""
        self.training.hear(trouble)


def to_batch(images: Iterable[Pixels], contract: Preprocess) -> Tensor:
    """Read and normalise what `LivePrepared` decoded, or a store kept.

    Returns:
        float32 [B, 3, size, size].
    """
    floats = [pixels.reshape(-1).view(np.float32) for pixels in images]
    shape = (len(floats), 3, contract.size, contract.size)
    if not floats:
        return torch.empty(shape)
    return normalize(torch.from_numpy(np.stack(floats)).view(shape), contract)
