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
