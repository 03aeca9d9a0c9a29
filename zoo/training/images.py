"""The images of a phase, augmented where that is fastest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import Dataset

from zoo.data.loading import keep_list, open_loader
from zoo.data.pixels import PixelSource
from zoo.inputs.contract import Preprocess
from zoo.recipes import Augment
from zoo.training.augment import Pixels, Place, augment_batch

_CPU = torch.device("cpu")


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

    def load(self, steps: Sequence[Sequence[Place]], *, workers: int) -> Iterable[list[Tensor]]:
        """Read the images of each step."""
        reader = _Reader(self)
        if workers == 0:
            return ([reader[place] for place in step] for step in steps)
        return open_loader(reader, steps, workers=workers, collate=keep_list)

    def gather(self, images: Sequence[Tensor], places: Sequence[Place]) -> Tensor:
        """Make one batch of images that `load` gave: uint8 [B, 3, size, size], on the device."""
        if self.device.type == "cpu":
            return torch.stack(list(images))
        return self.augment(images, places, self.device)

    def augment(
        self, images: Sequence[Pixels], places: Sequence[Place], device: torch.device
    ) -> Tensor:
        """Augment images, uint8 [h, w, 3] each, to uint8 [B, 3, size, size]."""
        return augment_batch(
            images, places, self.recipe, self.contract, seed=self.seed, device=device
        )


class _Reader(Dataset[Tensor]):
    """Single images by place, in this process or another."""

    def __init__(self, images: TrainingImages) -> None:
        self.images = images

    def __getitem__(self, place: Place) -> Tensor:
        pixels = self.images.source.read(place[1])
        if self.images.device.type == "cpu":
            return self.images.augment([pixels], [place], _CPU)[0]
        # A copy: what lies in a store cannot be written to, which torch has no tensors for.
        return torch.from_numpy(pixels.copy())
