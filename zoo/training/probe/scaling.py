"""Centring and one common scale for all features."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scaling:
    """Centring and one common scale for all features.

    A scale a feature would blow up near-constant ones: folded back into plain weights, a
    feature that is dead on the training data gets an enormous weight and answers with noise
    on everything else.
    """

    mean: Tensor
    """[D]."""
    scale: Tensor
    """Scalar: root of the features' mean variance; 1 where that is no more than rounding."""

    @classmethod
    def of(cls, features: Tensor) -> Scaling:
        """Measure features [N, D]."""
        spread = features.var(dim=0, correction=0).mean().sqrt()
        rounding = torch.finfo(features.dtype).eps * features.abs().max()
        scale = torch.where(spread > rounding, spread, torch.ones_like(spread))
        return cls(mean=features.mean(dim=0), scale=scale)

    def apply(self, features: Tensor) -> Tensor:
        """Scale features [N, D]."""
        return (features - self.mean) / self.scale

    def fold(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Rewrite a head on scaled features as one on plain features."""
        plain = weight / self.scale
        return plain, bias - plain @ self.mean
