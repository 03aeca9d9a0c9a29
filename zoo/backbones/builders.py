"""The libraries that know how to build a network, by the key the registry uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import timm
import torchvision
from torch import nn

_AUXILIARY_FREE = {"aux_logits": False, "init_weights": False}
_TORCHVISION_OPTIONS: Mapping[str, Mapping[str, bool]] = {"inception_v3": _AUXILIARY_FREE}
"""What a torchvision architecture needs beyond its name."""


def build_torchvision(architecture: str) -> nn.Module:
    """Build a torchvision network of 1,000 classes with random weights."""
    options = _TORCHVISION_OPTIONS.get(architecture, {})
    network: nn.Module = torchvision.models.get_model(architecture, weights=None, **options)
    return network


def build_timm(architecture: str) -> nn.Module:
    """Build a timm network of 1,000 classes with random weights."""
    network: nn.Module = timm.create_model(architecture, pretrained=False)
    return network


BUILDERS: Mapping[str, Callable[[str], nn.Module]] = {
    "timm": build_timm,
    "torchvision": build_torchvision,
}
