"""A network cut before its pooling, so that a head sees the whole last feature map."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from zoo.backbones.builders import find_builder
from zoo.backbones.maps import FeatureMap
from zoo.errors import RecipeError
from zoo.registry import Backbone

_TABLES = ("_modules", "_parameters", "_buffers", "_non_persistent_buffers_set")
"""Where torch keeps what a module is made of."""


class FlatMap(nn.Module):
    """The part of a network up to its last feature map, which it flattens.

    Parts keep the names that the library gives them. They are the owner's: what is moved to a
    device or replaced in one, as a synchronised BatchNorm is, is so in the other.
    """

    def __init__(self, feature_map: FeatureMap) -> None:
        super().__init__()
        for table in _TABLES:
            setattr(self, table, getattr(feature_map.owner, table))
        # In a tuple, where torch does not take the owner for another child.
        self._whole = (feature_map,)

    def forward(self, pixel_values: Tensor) -> Tensor:
        """Map images [B, 3, H, W] to features [B, D], D being channels x height x width."""
        return self._whole[0].compute(pixel_values).flatten(1)

    def train(self, mode: bool = True) -> FlatMap:
        """Set the mode of all parts, and of the owner that some functions ask."""
        super().train(mode)
        self._whole[0].owner.training = mode
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> FlatMap:
        """Copy the owner: a copied graph of torch.fx has tables of its own."""
        copied = FlatMap(deepcopy(self._whole[0], memo))
        copied.training = self.training
        memo[id(self)] = copied
        return copied


def cut_before_pooling(
    network: nn.Module, backbone: Backbone, size: int
) -> tuple[FlatMap, Backbone]:
    """Cut a network after its last feature map.

    Args:
        network: As the backbone's builder makes it.
        backbone: Its entry.
        size: Height and width of the images, pixels.

    Returns:
        The cut network, and the entry with stages and feature width as they are now.

    Raises:
        RecipeError: The network has no feature map.
    """
    try:
        feature_map = find_builder(backbone.builder).feature_map(network)
        found, used = _compute_once(feature_map, size)
        if found.ndim != 4:
            raise ValueError(f"its features have shape {list(found.shape)}")
    except (RuntimeError, ValueError, AttributeError) as cause:
        reason = str(cause).partition("\n")[0]
        raise RecipeError(
            f"{backbone.name} has no last feature map to flatten: {reason}",
            hint="choose a convolutional backbone such as vgg16, or a recipe on pooled features",
        ) from cause
    _drop_all_but(used, feature_map.owner)
    flat = FlatMap(feature_map)
    left = {name for name, _ in flat.named_parameters()}
    stages = {
        stage: kept
        for stage, paths in backbone.stages.items()
        if (kept := tuple(path for path in paths if _holds(path, left)))
    }
    return flat, replace(backbone, stages=stages, feature_dim=found[0].numel())


def _holds(path: str, parameters: set[str]) -> bool:
    return any(name == path or name.startswith(f"{path}.") for name in parameters)


def _compute_once(feature_map: FeatureMap, size: int) -> tuple[Tensor, set[nn.Module]]:
    """Compute the map of one image, and collect the owner's children that take part in it."""
    used: set[nn.Module] = set()
    handles = [
        part.register_forward_hook(lambda _, __, ___, child=child: used.add(child))
        for child in feature_map.owner.children()
        for part in child.modules()
    ]
    try:
        feature_map.owner.eval()
        with torch.no_grad():
            return feature_map.compute(torch.zeros(1, 3, size, size)), used
    finally:
        for handle in handles:
            handle.remove()


def _drop_all_but(used: set[nn.Module], owner: nn.Module) -> None:
    """Remove the children that would train and take no part."""
    for name, child in list(owner.named_children()):
        if child not in used and any(True for _ in child.parameters()):
            setattr(owner, name, nn.Identity())
