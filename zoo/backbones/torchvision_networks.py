"""torchvision's networks, and what torchvision says of their weights."""

from __future__ import annotations

from collections.abc import Mapping

import torchvision
from torch import nn

_WITHOUT_SIDE_OUTPUTS = {"aux_logits": False, "init_weights": False}
_OPTIONS: Mapping[str, Mapping[str, bool]] = {
    "googlenet": _WITHOUT_SIDE_OUTPUTS,
    "inception_v3": _WITHOUT_SIDE_OUTPUTS,
}
"""What an architecture needs beyond its name."""


def build(architecture: str, num_classes: int) -> nn.Module:
    """Build a network with random weights.

    Args:
        architecture: What `torchvision.models.list_models` calls it.
        num_classes: Outputs of its classifier.
    """
    network: nn.Module = torchvision.models.get_model(
        architecture, weights=None, num_classes=num_classes, **_OPTIONS.get(architecture, {})
    )
    return network
