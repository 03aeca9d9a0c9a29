"""Layers that follow their inputs in training: BatchNorm, and whatever else does as it does."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

_MARK = "running_"
"""What torch and timm begin the names of such statistics with."""


def follows_inputs(layer: nn.Module) -> bool:
    """Tell whether a layer has running statistics of its own, which training mode moves.

    These are BatchNorm in all its forms, timm's EvoNorm B (arXiv:2004.02967) and InstanceNorm
    that was told to. In evaluation mode they use the statistics and leave them alone.
    """
    return any(True for _ in running_statistics(layer))


def running_statistics(layer: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Go through a layer's own running means and variances, by name."""
    for name, value in layer.named_buffers(recurse=False):
        if name.startswith(_MARK):
            yield name, value
