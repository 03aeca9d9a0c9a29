"""The images of a phase, augmented where that is fastest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import Dataset

from zoo.data.loading import as_it_is, open_loader
from zoo.data.pixels import PixelSource
from zoo.inputs.contract import Preprocess
from zoo.recipes import Augment
from zoo.training.augment import Pixels, Place, augment_batch


@dataclass(frozen=True, slots=True, eq=False)
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

    def load(
        self, steps: Sequence[Sequence[Place]], *, workers: int
    ) -> Iterable[Sequence[Tensor] | Tensor]:
        """Read the images of each step, for `gather`."""
        if workers == 0:
            return map(self.read, steps)
        return open_loader(_Reader(self), steps, workers=workers, collate=as_it_is)

    def read(self, places: Sequence[Place]) -> Sequence[Tensor] | Tensor:
        """Read images in whatever process this is."""
        pixels = [self.source.read(index) for _, index in places]
        if self.device.type == "cpu":
            return self._augment(pixels, places)
        # Copies: what lies in a store cannot be written to, which torch has no tensors for.
        return [torch.from_numpy(image.copy()) for image in pixels]

    def gather(self, images: Sequence[Tensor] | Tensor, places: Sequence[Place]) -> Tensor:
        """Make one batch of some images that `load` gave.

        Returns:
            uint8 [B, 3, size, size], on the device.
        """
        return images if isinstance(images, Tensor) else self._augment(images, places)

    def _augment(self, images: Sequence[Pixels], places: Sequence[Place]) -> Tensor:
        return augment_batch(
            images, places, self.recipe, self.contract, seed=self.seed, device=self.device
        )


class _Reader(Dataset[Tensor]):
    """Steps by their places, in another process."""

    def __init__(self, images: TrainingImages) -> None:
        self.images = images

    def __getitems__(self, places: list[Place]) -> Sequence[Tensor] | Tensor:
        return self.images.read(places)
