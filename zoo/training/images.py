"""The images of a phase, augmented where that is fastest."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from zoo.data.loading import LastingLoader
from zoo.data.pixels import PixelSource, open_pixels
from zoo.errors import UnreadableImagesError
from zoo.hardware import share_cores
from zoo.inputs.contract import Preprocess
from zoo.progress import Progress
from zoo.recipes import Augment
from zoo.training.augment import Pixels, Place, augment_batch
from zoo.training.plan import Plan


@dataclass(slots=True, eq=False)
class TrainingImages:
    """Pixels, and what the recipe does to them.

    On the CPU an image is augmented where it is read, in whatever process that is. A GPU is
    given the pixels as they are and augments a batch at a time.
    """

    source: PixelSource
    recipe: Augment
    contract: Preprocess
    seed: int
    device: torch.device
    neighbours: int = 1
    """Processes of the run on this machine, which share its cores."""
    _loader: LastingLoader | None = field(default=None, init=False)
    """Processes that read, from the first epoch that needs them until `close`."""

    def load(
        self, steps: Iterable[Sequence[Place]], *, workers: int
    ) -> Iterator[Sequence[Tensor] | Tensor]:
        """Read the images of each step, for `gather`; the steps are gone through once.

        What has to be decoded is decoded on this process's cores between the steps, or by the
        workers.

        Raises:
            UnreadableImagesError: Files of a step that cannot be decoded (any more).
        """
        read = map(self._read_here, steps) if workers == 0 else self._ask(workers).load(steps)
        for batch in read:
            self.source.hear(batch.trouble)
            if batch.unreadable:
                raise UnreadableImagesError(
                    {self.source.path(index): why for index, why in batch.unreadable.items()},
                    hint="repair or remove them; `zoo check` finds all such files",
                )
            yield batch.images if batch.shapes is None else unpack(batch.images, batch.shapes)

    def read(self, places: Sequence[Place], *, threads: int = 1) -> _Batch:
        """Read images in whatever process this is."""
        found = self.source.read_many([index for _, index in places], threads=threads)
        if found.unreadable:
            return _Batch(torch.empty(0), None, found.unreadable, found.trouble)
        pixels = [found.pixels[index] for _, index in places]
        if self.device.type == "cpu":
            return _Batch(self._augment(pixels, places), None, {}, found.trouble)
        return _Batch(pack(pixels), [image.shape for image in pixels], {}, found.trouble)

    def gather(self, images: Sequence[Tensor] | Tensor, places: Sequence[Place]) -> Tensor:
        """Make one batch of some images that `load` gave.

        Returns:
            uint8 [B, 3, size, size], on the device.
        """
        return images if isinstance(images, Tensor) else self._augment(images, places)

    def close(self) -> None:
        """End the processes that read."""
        if self._loader is not None:
            self._loader.close()
            self._loader = None

    def _read_here(self, places: Sequence[Place]) -> _Batch:
        return self.read(places, threads=share_cores(self.neighbours))

    def _ask(self, workers: int) -> LastingLoader:
        if self._loader is None or self._loader.workers != workers:
            self.close()
            self._loader = LastingLoader(_Reader(replace(self)), workers=workers)
        return self._loader

    def _augment(self, images: Sequence[Pixels], places: Sequence[Place]) -> Tensor:
        return augment_batch(
            images, places, self.recipe, self.contract, seed=self.seed, device=self.device
        )


def pack(images: Sequence[NDArray[np.uint8]]) -> Tensor:
    """Lay images of any size behind one another.

    Each tensor that a process sends costs an open file, and most of a millisecond to receive.
    """
    return torch.from_numpy(np.concatenate([image.reshape(-1) for image in images]))


def unpack(packed: Tensor, shapes: Sequence[tuple[int, ...]]) -> list[Tensor]:
    """View the images that `pack` laid behind one another."""
    parts = packed.split([math.prod(shape) for shape in shapes])
    return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]


def open_training_pixels(plan: Plan, progress: Progress) -> PixelSource:
    """Open the training images, which are decoded once where there is room for them."""
    train = plan.dataset.train
    return open_pixels(
        train.files, plan.pixel_side, root=train.root, cache=plan.cache, progress=progress
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    """What became of the images of a step, on its way from whoever read them."""

    images: Tensor
    """Augmented, or packed as they are."""
    shapes: Sequence[tuple[int, ...]] | None
    """Of the images that are packed."""
    unreadable: dict[int, str]
    """Reasons by index; where there are any, there are no images."""
    trouble: str
    """Why decoded images are not kept, where they were to be."""


class _Reader(Dataset[_Batch]):
    """Steps by their places, in another process."""

    def __init__(self, images: TrainingImages) -> None:
        self.images = images

    def __getitems__(self, places: list[Place]) -> _Batch:
        return self.images.read(places)
