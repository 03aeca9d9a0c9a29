"""Augmented training batches, in an order that can be taken up anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.utils.data import Dataset

from zoo.data.dataset import Sample
from zoo.data.loading import open_loader
from zoo.inputs.contract import Preprocess
from zoo.inputs.image import read_image, to_tensor
from zoo.recipes import Augment
from zoo.seeds import generator_for
from zoo.training.augment import augment

Place = tuple[int, int]
"""Epoch and index of a sample: all that its augmentation depends on, besides the seed."""


class _AugmentedFiles(Dataset[tuple[Tensor, int]]):
    """Files through the recipe's augmentation, addressed by epoch and index."""

    def __init__(
        self, samples: Sequence[Sample], recipe: Augment, contract: Preprocess, seed: int
    ) -> None:
        self.samples = samples
        self.recipe = recipe
        self.contract = contract
        self.seed = seed

    def __getitem__(self, place: Place) -> tuple[Tensor, int]:
        epoch, index = place
        sample = self.samples[index]
        generator = generator_for(self.seed, "augment", epoch, index)
        image = to_tensor(read_image(sample.path))
        return augment(image, self.recipe, self.contract, generator), sample.label


def load_augmented(
    samples: Sequence[Sample],
    recipe: Augment,
    contract: Preprocess,
    *,
    batches: Sequence[Sequence[Place]],
    seed: int,
    workers: int,
    pin_memory: bool,
) -> Iterable[tuple[Tensor, Tensor]]:
    """Decode and augment: uint8 [B, 3, size, size] and int64 labels [B], a pair a batch."""
    return open_loader(
        _AugmentedFiles(samples, recipe, contract, seed),
        batches,
        workers=workers,
        pin_memory=pin_memory,
    )


def order_epoch(num_samples: int, batch_size: int, *, seed: int, epoch: int) -> list[list[Place]]:
    """Shuffle one epoch into batches; the same for the same arguments.

    All batches are full: what is left over sits this epoch out, and another handful the
    next. A data set smaller than a batch is one batch.
    """
    order = torch.randperm(num_samples, generator=generator_for(seed, "order", epoch)).tolist()
    size = min(batch_size, num_samples)
    places = [(epoch, index) for index in order]
    return [places[at : at + size] for at in range(0, num_samples - size + 1, size)]
