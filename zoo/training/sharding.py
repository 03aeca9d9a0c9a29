"""A network whose tensors are spread over all processes (FSDP2), and the way back to whole ones.

Every stage of the backbone is a unit: its parameters are whole while it computes, and otherwise
each process holds its rows of them, of their gradients and of what the optimiser keeps for them
(ZeRO stage 3, arXiv:1910.02054; FSDP, arXiv:2304.11277). Buffers are not spread.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh

from zoo.backbones.network import Network
from zoo.errors import RecipeError
from zoo.recipes import DescendPhase, Recipe
from zoo.training.objective import Objective
from zoo.training.optimizers import OPTIMIZERS


def require_shardable(recipe: Recipe, *, compiles: bool) -> None:
    """Refuse what cannot be done with a network that is spread over processes.

    Raises:
        RecipeError: The recipe, or a setting, asks for it.
    """
    phases = [phase for phase in recipe.phases if isinstance(phase, DescendPhase)]
    foreign = sorted({phase.optimizer for phase in phases} - set(OPTIMIZERS))
    if foreign:
        raise RecipeError(
            f"--shard spreads what torch's own optimisers keep, not what {foreign[0]} does",
            hint=f"--optimizer adamw, or another of {', '.join(OPTIMIZERS)}",
        )
    if recipe.head.features == "flattened":
        raise RecipeError(
            "--shard cannot spread a network that is cut before its pooling",
            hint="leave --shard or --set features out",
        )
    if compiles:
        raise RecipeError("--shard and --compile exclude each other", hint="leave one of them out")


def shard(network: Network, mesh: DeviceMesh) -> Network:
    """Copy a network so that every process holds its share of it, on its own device.

    The network itself, which should lie in the machine's memory, keeps its tensors.

    Raises:
        RecipeError: torch cannot spread this network.
    """
    # FSDP takes no other layout than the one that tensors are stored in.
    sharded = deepcopy(network).to(memory_format=torch.contiguous_format)
    try:
        for stage in sharded.backbone.stages:
            if modules := [*sharded.stage_modules(stage).values()]:
                _unite(modules, mesh)
        _unite([sharded], mesh)
    except (ValueError, NotImplementedError) as cause:
        raise RecipeError(
            f"{network.backbone.name} cannot be sharded: {cause}", hint="leave --shard out"
        ) from cause
    return sharded


def shard_loss(objective: Objective, mesh: DeviceMesh) -> None:
    """Spread what a loss learns, if it does.

    That alone is a unit: one of the whole loss would hand gradients of zero to the heads of which
    a step knows nothing, where none make an optimiser leave them as they are.
    """
    if objective.weights is not None:
        _unite([objective.weights], mesh)


def _unite(modules: list[nn.Module], mesh: DeviceMesh) -> None:
    """Make one unit of modules, whose parameters come and go together.

    They go after every forward pass: what is written to the shares between two passes (a moving
    average, say) would otherwise not be seen by the second.
    """
    # The import takes as much memory as a small network.
    from torch.distributed.fsdp import fully_shard

    for module in modules:
        module.register_forward_hook(_own)
    fully_shard(modules, mesh=mesh, reshard_after_forward=True)


def _own(_module: nn.Module, _arguments: Any, output: Any) -> Any:
    """Hand on a tensor that is no view: FSDP loses sight of a view that is written to."""
    if isinstance(output, Tensor) and output._is_view():  # noqa: SLF001
        return output.clone()
    return output
