"""Tensors of which each process may hold a share, and the way to whole ones and back."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from zoo.backbones.states import load_state

if TYPE_CHECKING:
    from torch.distributed.tensor import DTensor
    from typing_extensions import TypeIs


def is_spread(value: Any) -> TypeIs[DTensor]:
    """Tell whether something is a tensor of which each process holds a share.

    Nobody has one who has not imported its class, which takes 40 MB.
    """
    module = sys.modules.get("torch.distributed.tensor")
    return module is not None and isinstance(value, module.DTensor)


def whole_of(tree: Any, *, kept: bool = True) -> Any:
    """Put spread tensors together on the CPU, anywhere in dictionaries and lists.

    All processes call it on the same tree.

    Args:
        tree: Tensors that are not spread are left as they are.
        kept: Whether this process needs the result; in others, tensors become None.
    """
    if is_spread(tree):
        value = tree.full_tensor()
        return value.cpu() if kept else None
    if isinstance(tree, Mapping):
        return {name: whole_of(part, kept=kept) for name, part in tree.items()}
    if isinstance(tree, list):
        return [whole_of(part, kept=kept) for part in tree]
    return tree


def spread(value: Tensor, like: Tensor) -> Tensor:
    """Copy a whole tensor to where another one is, in shares if that one is.

    Args:
        value: The same in all processes.
        like: Of the same shape.
    """
    if not is_spread(like):
        return value.to(like.device, copy=True)
    from torch.distributed.tensor import distribute_tensor

    here = value.to(like.device)
    return distribute_tensor(here, like.device_mesh, like.placements, src_data_rank=None)


def local(value: Tensor) -> Tensor:
    """This process's share of a tensor, sharing memory with it."""
    return value.to_local() if is_spread(value) else value


def load_whole(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load whole tensors into a module, whether or not it is spread."""
    own = module.state_dict()
    load_state(module, {name: spread(value, own[name]) for name, value in state.items()})


def load_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load an optimiser's whole state, whether or not its parameters are spread."""
    parameters = [value for group in optimizer.param_groups for value in group["params"]]
    kept = {
        at: {name: _like(value, parameters[at]) for name, value in memory.items()}
        for at, memory in state["state"].items()
    }
    optimizer.load_state_dict({**state, "state": kept})


def _like(value: Any, parameter: Tensor) -> Any:
    """Spread what an optimiser keeps for each number of a parameter."""
    fits = isinstance(value, Tensor) and value.shape == parameter.shape
    return spread(value, parameter) if fits and is_spread(parameter) else value
