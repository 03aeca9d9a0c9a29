"""What a verification runs on: edge inputs, then real images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.data.dataset import Samples
from zoo.data.loading import load_prepared
from zoo.errors import UnreadableImagesError
from zoo.inputs.contract import Preprocess
from zoo.inputs.image import normalize
from zoo.progress import Progress
from zoo.seeds import generator_for

NUM_SAMPLES = 256
"""Real images that a verification looks at unless told otherwise."""

_NUM_FLOAT64 = 8
"""Real images that run in float64 too, besides the edge inputs."""


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """Edge inputs, then real images, in the network's own format."""

    pixel_values: Tensor
    """float32 [N, 3, size, size]."""
    names: list[str]
    num_edges: int

    @property
    def num_probed(self) -> int:
        """How many of them, from the first, run in float64 and in every batch size."""
        return min(len(self.names), self.num_edges + _NUM_FLOAT64)


def choose_samples(samples: Samples, count: int) -> Samples:
    """Choose `count` samples, or all, evenly over a split, which may be sorted by class."""
    count = min(count, len(samples))
    return samples.select([at * len(samples) // count for at in range(count)])


def gather_inputs(
    samples: Samples, contract: Preprocess, workers: int, progress: Progress
) -> Inputs:
    """Decode the samples behind the edge inputs.

    Raises:
        UnreadableImagesError: Samples that cannot be decoded.
    """
    edges = make_edge_inputs(contract)
    paths = samples.paths
    images = [torch.stack(list(edges.values()))]
    progress.start("decode", len(paths))
    for batch in load_prepared(paths, contract, batch_size=32, workers=workers):
        if batch.unreadable:
            raise UnreadableImagesError({paths[at]: why for at, why in batch.unreadable.items()})
        images.append(batch.pixel_values)
        progress.advance(len(batch.indices))
    progress.finish()
    names = [*edges, *(f"{path.parent.name}/{path.name}" for path in paths)]
    return Inputs(torch.cat(images), names, len(edges))


def make_edge_inputs(contract: Preprocess) -> dict[str, Tensor]:
    """Make pictures that no photo is like: float32 [3, size, size] by name, normalised."""
    size = contract.size
    noise = torch.rand(3, size, size, generator=generator_for("verify", "noise"))
    rows, columns = torch.arange(size).view(-1, 1), torch.arange(size).view(1, -1)
    checks = ((rows + columns) % 2).float().expand(3, -1, -1)
    pictures = {
        "(black)": torch.zeros(3, size, size),
        "(white)": torch.ones(3, size, size),
        "(noise)": noise,
        "(checkerboard)": checks,
    }
    return {name: normalize(picture * 255, contract) for name, picture in pictures.items()}
