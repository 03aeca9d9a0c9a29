"""The way to a network's last feature map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True, slots=True, eq=False)
class FeatureMap:
    """What computes the map, and what its parameters belong to."""

    owner: nn.Module
    """Its children and parameters have the library's names."""
    compute: Callable[[Tensor], Tensor]
    """Images [B, 3, H, W] to the map [B, C, h, w]."""
