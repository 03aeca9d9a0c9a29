"""Centring and one common scale for all features."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.training.probe.blocks import read_blocks


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scaling:
    """Centring and one common scale for all features.

    A scale a feature would blow up near-constant ones: folded back into plain weights, a
    feature that is dead on the training data gets an enormous weight and answers with noise
    on everything else.
    """

    mean: Tensor
    """float64 [D]."""
    scale: Tensor
    """float64 scalar: root of the features' mean variance; 1 where that is no more than
    rounding."""

    @classmethod
    def of(cls, features: Tensor, rows: Tensor | None = None) -> Scaling:
        """Measure some rows of features [N, D], or all of them.

        The deviations of two blocks are put together as Chan, Golub and LeVeque do (Stanford
        STAN-CS-79-773), since a difference of sums would lose their digits.
        """
        count, largest = 0, 0.0
        mean = torch.zeros(features.shape[1], dtype=torch.float64)
        squares = torch.zeros((), dtype=torch.float64)
        for block, some in read_blocks(
            features, torch.arange(len(features)) if rows is None else rows
        ):
            exact = block.double()
            middle = exact.mean(dim=0)
            away, share = middle - mean, len(some) / (count + len(some))
            squares += exact.sub_(middle).square_().sum() + away.square().sum() * count * share
            mean += away * share
            count += len(some)
            largest = max(largest, block.abs().max().item())
        spread = (squares / (count * features.shape[1])).sqrt()
        rounding = torch.finfo(features.dtype).eps * largest
        return cls(mean=mean, scale=spread if spread > rounding else torch.ones_like(spread))

    def apply(self, features: Tensor, *, out: Tensor | None = None) -> Tensor:
        """Scale features [N, D].

        Args:
            features: Of any floating type.
            out: Where the result goes, [N, D]; it is computed in its type.
        """
        scaled = torch.empty_like(features) if out is None else out
        torch.sub(features, self.mean.to(scaled), out=scaled)
        return scaled.div_(self.scale.to(scaled))

    def fold(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Rewrite a head on scaled features as one on plain features."""
        plain = weight / self.scale
        return plain, bias - plain @ self.mean
