"""timm's networks, and what timm says of their weights; timm is imported to build the first."""

from __future__ import annotations

import re
import sys
from typing import Any

from torch import Tensor, nn

from zoo.backbones.maps import FeatureMap

PLAIN = r"^\w+(\.\w+)*$"
"""What timm calls its networks."""


def build(architecture: str, num_classes: int) -> nn.Module:
    """Build a network with random weights.

    Args:
        architecture: timm's name, without the tag of the weights.
        num_classes: Outputs of its classifier; 0 for none.

    Raises:
        ValueError: It is no plain name; with a prefix, timm would read other places.
    """
    import timm

    if not re.fullmatch(PLAIN, architecture):
        raise ValueError(f"{architecture!r} is no name of a network of timm's")
    network: nn.Module = timm.create_model(architecture, pretrained=False, num_classes=num_classes)
    return network


def adapt(state: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """Bring weights in a form that their makers published into the one timm builds."""
    from timm.models import model_entrypoint

    config: Any = network.pretrained_cfg
    architecture: str = config["architecture"]
    module = sys.modules[model_entrypoint(architecture).__module__]
    convert = getattr(module, "checkpoint_filter_fn", None)
    adapted: dict[str, Tensor] = convert(state, network) if convert else state
    return adapted


def resize(network: nn.Module, size: int) -> None:
    """Rebuild a network for another input size; position embeddings are interpolated.

    Raises:
        ValueError: The network cannot be rebuilt, or its patches do not tile that size.
    """
    rebuild = getattr(network, "set_input_size", None)
    patches: Any = getattr(network, "patch_embed", None)
    if rebuild is None or getattr(network, "pos_embed", None) is None:
        raise ValueError("timm interpolates no position embeddings of this network")
    side = patches.patch_size[0]
    if size % side:
        raise ValueError(f"patches of {side} px do not tile {size} px")
    rebuild(img_size=(size, size))


def feature_map(network: nn.Module) -> FeatureMap:
    """Find the way to the last feature map, which all of timm's networks name alike."""
    return FeatureMap(network, network.forward_features)  # type: ignore[arg-type]
