"""Tensors put into a module as if the module itself had written them."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn


def load_state(module: nn.Module, state: Mapping[str, Tensor], *, strict: bool = True) -> None:
    """Load tensors by name, with the versions that the module writes beside its own.

    Files hold tensors only. A module that asks which version of it they are of, as torchvision's
    MNASNet does, refuses a plain dictionary.

    Raises:
        RuntimeError: Names or shapes do not fit.
    """
    versioned = module.state_dict()
    versioned.clear()
    versioned.update(state)
    module.load_state_dict(versioned, strict=strict)


def in_shape(state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Write linear layers as 1 x 1 convolutions and the other way, where the network does."""
    return {
        name: value.reshape(expected[name].shape)
        if name in expected and _axes(value) == _axes(expected[name])
        else value
        for name, value in state.items()
    }


def _axes(tensor: Tensor) -> list[int]:
    return [length for length in tensor.shape if length > 1]
