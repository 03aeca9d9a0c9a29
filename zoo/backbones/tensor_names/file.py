"""What tensors are called in the file of a model: as in timm, where timm has the network."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from zoo.backbones.tensor_names.counterparts import TORCHVISION_IN_TIMM
from zoo.backbones.tensor_names.names import Names
from zoo.registry import Backbone


def is_renamed(backbone: Backbone) -> bool:
    """Tell whether the library that builds a network has other names than timm for its tensors."""
    return _names_of(backbone) != Names()


def to_file(backbone: Backbone, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give a network's tensors the names that they have in files."""
    return _names_of(backbone).to_timm(state)


def from_file(
    backbone: Backbone, state: Mapping[str, Tensor], own: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Give the tensors of a file the names that they have in the network.

    Args:
        backbone: Says which network it is.
        state: The file's tensors; of an earlier file, under the network's own names.
        own: All that the network holds, under its own names.
    """
    return _names_of(backbone).to_own(state, own)


def _names_of(backbone: Backbone) -> Names:
    if backbone.builder != "torchvision" or backbone.architecture not in TORCHVISION_IN_TIMM:
        return Names()
    return TORCHVISION_IN_TIMM[backbone.architecture].names
