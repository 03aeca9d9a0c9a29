"""Low-rank updates of linear layers (LoRA, arXiv:2106.09685), until they are merged.

An update is a parametrisation of the weight itself, not a layer beside it: libraries that use
a linear layer's weight without calling the layer (torch's MultiheadAttention, torchvision's
Swin, timm's BEiT, EVA and Swin V2) are adapted like all others, where an adapter in the
layer's `forward` would silently do nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrize import (
    ParametrizationList,
    is_parametrized,
    register_parametrization,
    remove_parametrizations,
)

from zoo.errors import RecipeError
from zoo.recipes import Lora

_WEIGHTS: dict[type[nn.Module], tuple[str, ...]] = {
    nn.Linear: ("weight",),
    nn.MultiheadAttention: ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"),
}
"""Matrices that layers multiply their input by; a layer has some of them."""


class LowRank(nn.Module):
    """`weight + alpha / rank * up @ down`, where `up` begins as zeros."""

    def __init__(self, weight: Tensor, lora: Lora, generator: torch.Generator) -> None:
        super().__init__()
        rows, columns = weight.shape
        down = torch.empty(lora.rank, columns)
        nn.init.kaiming_uniform_(down, a=5**0.5, generator=generator)
        self.down = nn.Parameter(down.to(weight))
        self.up = nn.Parameter(weight.new_zeros(rows, lora.rank))
        self.scale = lora.alpha / lora.rank
        self.dropout = lora.dropout

    def forward(self, weight: Tensor) -> Tensor:
        """Add the update to a weight [out, in], in the weight's own precision.

        Dropout hides input features from the update, the same ones from a whole batch.
        """
        with torch.autocast(weight.device.type, enabled=False):
            shown = F.dropout(weight.new_ones(weight.shape[1]), self.dropout, self.training)
            return torch.addmm(weight, self.up, self.down * shown, alpha=self.scale)


def add_lora(body: nn.Module, paths: Sequence[str], lora: Lora, seed: int) -> None:
    """Give every linear layer at or below the paths a low-rank update, and freeze all else.

    Outputs are the same until the updates train. Names of tensors change while the updates are
    there: a checkpoint of this state is read after the same call on the same network.

    Args:
        body: The network; it is changed in place.
        paths: Modules of the network; a path that leads to a parameter has no layer.
        lora: Rank, scale and dropout.
        seed: Of the updates' first weights.

    Raises:
        RecipeError: There is no linear layer.
    """
    places = require_linear(body, paths)
    body.requires_grad_(requires_grad=False)
    generator = torch.Generator().manual_seed(seed)
    for module, name in places:
        update = LowRank(getattr(module, name), lora, generator)
        register_parametrization(module, name, update)


def require_linear(body: nn.Module, paths: Sequence[str]) -> list[tuple[nn.Module, str]]:
    """Find the linear layers at or below the paths that have no update yet.

    Returns:
        Each layer with the name of a matrix of it.

    Raises:
        RecipeError: There is none.
    """
    places = list(_places(body, paths))
    if not places:
        raise RecipeError(
            "lora updates linear layers, and the stages that are to train have none",
            hint="choose a transformer, such as one that `zoo list --family vit` shows, or "
            "another recipe",
        )
    return places


def merge_lora(body: nn.Module) -> None:
    """Add the updates to their weights: the network is the library's own again.

    Its classes, its tensors' names and their order are as before `add_lora`; what had no update
    is untouched. All stays frozen.
    """
    for module, name in reversed(list(_updated(body))):
        module.parametrizations.eval()  # type: ignore[union-attr]
        remove_parametrizations(module, name, leave_parametrized=True)
        _move_to_front(module, name)


def lora_parameters(body: nn.Module) -> dict[str, nn.Parameter]:
    """Collect the updates' parameters under their names in the network."""
    owners = [path for path, module in body.named_modules() if isinstance(module, LowRank)]
    return {
        f"{path}.{name}": value
        for path in owners
        for name, value in body.get_submodule(path).named_parameters()
    }


def _places(body: nn.Module, paths: Sequence[str]) -> Iterator[tuple[nn.Module, str]]:
    """Find the matrices at or below the paths that have no update yet."""
    starts = tuple(f"{path}." for path in paths)
    for path, module in body.named_modules():
        if f"{path}.".startswith(starts) and not is_parametrized(module):
            names = (
                name for kind in _WEIGHTS if isinstance(module, kind) for name in _WEIGHTS[kind]
            )
            yield from ((module, name) for name in names if getattr(module, name) is not None)


def _updated(body: nn.Module) -> Iterator[tuple[nn.Module, str]]:
    """Find the matrices that have an update."""
    for module in body.modules():
        if isinstance(stacks := getattr(module, "parametrizations", None), nn.ModuleDict):
            for name, stack in stacks.items():
                if isinstance(stack, ParametrizationList) and isinstance(stack[0], LowRank):
                    yield module, name


def _move_to_front(module: nn.Module, first: str) -> None:
    """Register a parameter before the module's others, without replacing any."""
    for name, parameter in list(module.named_parameters(recurse=False)):
        if name != first:
            delattr(module, name)
            module.register_parameter(name, parameter)
