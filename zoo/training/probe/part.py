"""Some samples of a problem: scaled features with their truth, a block at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.training.probe.blocks import BLOCK, read_blocks
from zoo.training.probe.scaling import Scaling

Batch = tuple[Tensor, Tensor]
"""Scaled features [n, D] and their truth."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """Samples to train or to test on, named by their rows; nothing is copied."""

    features: Tensor
    """float32 [N, D] of all samples; may lie in a file."""
    truth: Tensor
    """[N] or [N, outputs] of all samples."""
    rows: Tensor
    """int64 [n], rising: the samples that are meant."""
    scaling: Scaling
    dtype: torch.dtype
    """What is computed in."""

    def __iter__(self) -> Iterator[Batch]:
        """Read and scale them once more; a batch is gone when the next one comes."""
        room = torch.empty(BLOCK, self.features.shape[1], dtype=self.dtype)
        for block, rows in read_blocks(self.features, self.rows):
            scaled = self.scaling.apply(block, out=room[: len(rows)])
            yield scaled, self.truth[rows]

    @property
    def num_bytes(self) -> int:
        """What `hold` takes."""
        return len(self.rows) * self.features.shape[1] * self.dtype.itemsize

    def hold(self) -> list[Batch]:
        """Scale them for good, as one batch: faster to read again and again."""
        inputs = torch.empty(len(self.rows), self.features.shape[1], dtype=self.dtype)
        at = 0
        for block, _ in self:
            inputs[at : at + len(block)] = block
            at += len(block)
        return [(inputs, self.truth[self.rows])]
