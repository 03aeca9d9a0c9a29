"""The libraries that know how to build a network, by the key the registry uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from zoo.backbones import timm_networks, torchvision_networks
from zoo.backbones.maps import FeatureMap
from zoo.errors import RegistryError

State = dict[str, Tensor]


def _as_it_is(state: State, _: nn.Module) -> State:
    return state


def _refuse(_: nn.Module, size: int) -> None:
    raise ValueError(f"this network cannot be rebuilt for {size} px")


def _no_map(_: nn.Module) -> FeatureMap:
    raise ValueError("its builder knows of none")


@dataclass(frozen=True, slots=True)
class Builder:
    """How one family of networks is built."""

    build: Callable[[str, int], nn.Module]
    """(architecture, number of classes) -> a network with random weights."""
    adapt: Callable[[State, nn.Module], State] = _as_it_is
    """Brings published weights into the form that the network has, where they differ."""
    resize: Callable[[nn.Module, int], None] = _refuse
    """Rebuilds a network that takes one size only for another; ValueError if it cannot."""
    feature_map: Callable[[nn.Module], FeatureMap] = _no_map
    """Finds the way to a network's last feature map; ValueError if it has none."""


BUILDERS: Mapping[str, Builder] = {
    "timm": Builder(
        timm_networks.build,
        timm_networks.adapt,
        timm_networks.resize,
        timm_networks.feature_map,
    ),
    "torchvision": Builder(
        torchvision_networks.build, feature_map=torchvision_networks.feature_map
    ),
}


def find_builder(name: str) -> Builder:
    """Look a builder up.

    Raises:
        RegistryError: There is none of that name.
    """
    if name not in BUILDERS:
        raise RegistryError(
            f"no builder named {name!r}; zoo has {', '.join(BUILDERS)}",
            hint="docs/new-architecture.md shows how to add one",
        )
    return BUILDERS[name]
