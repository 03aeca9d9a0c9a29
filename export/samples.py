"""What a verification runs on: real images, then edge inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from export.edge_inputs import make_edge_inputs
from zoo.data.dataset import Samples
from zoo.data.loading import load_prepared
from zoo.errors import UnreadableImagesError
from zoo.inputs.contract import Preprocess
from zoo.progress import Progress

NUM_SAMPLES = 256
"""Real images that a verification looks at unless told otherwise."""

NUM_PROBED_SAMPLES = 8
"""Real images that run in float64 and in every batch size, as all edge inputs do."""


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """Real images, then edge inputs, in the network's own format."""

    pixel_values: Tensor
    """float32 [N, 3, size, size]."""
    names: list[str]
    num_samples: int
    """Real images."""

    @property
    def samples(self) -> slice:
        """Where the real images are."""
        return slice(self.num_samples)

    @property
    def edges(self) -> slice:
        """Where the edge inputs are."""
        return slice(self.num_samples, None)

    @property
    def probed(self) -> list[int]:
        """Where those are that run in float64 and in every batch size.

        Real images are taken evenly from all: a data set may be sorted by class.
        """
        count = min(self.num_samples, NUM_PROBED_SAMPLES)
        real = [at * self.num_samples // count for at in range(count)]
        return [*real, *range(self.num_samples, len(self.names))]

    @property
    def probed_names(self) -> list[str]:
        """What the probed ones are called."""
        return [self.names[at] for at in self.probed]


def choose_samples(samples: Samples, count: int) -> Samples:
    """Choose `count` samples, or all, evenly over a split, which may be sorted by class."""
    count = min(count, len(samples))
    return samples.select([at * len(samples) // count for at in range(count)])


def gather_inputs(
    samples: Samples, contract: Preprocess, workers: int, progress: Progress
) -> Inputs:
    """Decode the samples, and put the edge inputs behind them.

    Raises:
        UnreadableImagesError: Samples that cannot be decoded.
    """
    edges = make_edge_inputs(contract)
    paths = samples.paths
    pixel_values = torch.empty(len(paths) + len(edges), 3, contract.size, contract.size)
    _decode(paths, contract, workers, progress, pixel_values)
    for at, picture in enumerate(edges.values(), len(paths)):
        pixel_values[at] = picture
    names = [*(f"{path.parent.name}/{path.name}" for path in paths), *edges]
    return Inputs(pixel_values, names, len(paths))


def _decode(
    paths: Sequence[Path], contract: Preprocess, workers: int, progress: Progress, into: Tensor
) -> None:
    """Decode files into the first places of a tensor: there is one copy of them, not two."""
    progress.start("decode", len(paths))
    for batch in load_prepared(paths, contract, batch_size=32, workers=workers):
        if batch.unreadable:
            raise UnreadableImagesError({paths[at]: why for at, why in batch.unreadable.items()})
        into[batch.indices] = batch.pixel_values
        progress.advance(len(batch.indices))
    progress.finish()
