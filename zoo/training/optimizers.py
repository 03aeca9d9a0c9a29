"""Optimisers by name, over parameter groups with a learning rate a stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import torch
from torch import nn

from zoo.backbones.network import Network
from zoo.errors import RecipeError
from zoo.recipes import DescendPhase
from zoo.training.parameters import select_parameters, undecayed_ids
from zoo.training.shares import is_spread

Groups = list[dict[str, Any]]

_FUSED = ("cpu", "cuda", "mps")
"""Devices on which torch has one kernel for a whole step of SGD, Adam and AdamW."""

OPTIMIZERS: Mapping[str, Callable[[Groups, DescendPhase, bool], torch.optim.Optimizer]] = {
    "adadelta": lambda groups, phase, _: torch.optim.Adadelta(groups, lr=phase.lr),
    "adagrad": lambda groups, phase, _: torch.optim.Adagrad(groups, lr=phase.lr),
    "adam": lambda groups, phase, fused: torch.optim.Adam(
        groups, lr=phase.lr, betas=(_momentum(phase), 0.999), fused=fused
    ),
    "adamax": lambda groups, phase, _: torch.optim.Adamax(
        groups, lr=phase.lr, betas=(_momentum(phase), 0.999)
    ),
    "adamw": lambda groups, phase, fused: torch.optim.AdamW(
        groups, lr=phase.lr, betas=(_momentum(phase), 0.999), fused=fused
    ),
    "nadam": lambda groups, phase, _: torch.optim.NAdam(
        groups, lr=phase.lr, betas=(_momentum(phase), 0.999)
    ),
    "radam": lambda groups, phase, _: torch.optim.RAdam(
        groups, lr=phase.lr, betas=(_momentum(phase), 0.999)
    ),
    "rmsprop": lambda groups, phase, _: torch.optim.RMSprop(
        groups, lr=phase.lr, momentum=_momentum(phase, usual=0.0)
    ),
    "sgd": lambda groups, phase, fused: torch.optim.SGD(
        groups,
        lr=phase.lr,
        momentum=_momentum(phase),
        nesterov=phase.nesterov and _momentum(phase) > 0,
        fused=fused,
    ),
}
"""torch's own; every other name is timm's, which keeps the betas of each method's paper."""

_WITHOUT_MOMENTUM = ("adadelta", "adagrad")
"""Those of torch's that have nothing to call so."""

_REFUSED = {
    "adahessian": "it needs second derivatives, which a step of zoo does not compute",
    "kron": "it compiles parts of its step, which takes a compiler on every machine that trains",
    "fused": "it needs NVIDIA's apex; torch's own optimisers are fused already",
    "bnb": "it needs bitsandbytes, which zoo does not install",
}
"""Reasons against names of timm that begin so."""


def known_optimizers() -> list[str]:
    """List every name that `build_optimizer` takes."""
    from timm.optim import list_optimizers  # type: ignore[attr-defined]

    names = {*OPTIMIZERS, *map(str, list_optimizers())}
    return sorted(name for name in names if not name.startswith(tuple(_REFUSED)))


def stage_learning_rates(
    network: Network, phase: DescendPhase, trained: frozenset[str]
) -> dict[str, float]:
    """Peak learning rate of each trained stage, from the stem up; `head` comes last.

    A stage's rate is `layer_decay` times that of the stage above it.
    """
    stages = [stage for stage in network.backbone.stages if stage in trained]
    rates = {
        stage: phase.lr * phase.layer_decay**depth
        for depth, stage in reversed(list(enumerate(reversed(stages))))
    }
    return rates | {"head": phase.head_lr or phase.lr}


def build_optimizer(
    network: Network,
    phase: DescendPhase,
    trained: frozenset[str],
    extra: Sequence[nn.Parameter] = (),
) -> torch.optim.Optimizer:
    """Build a phase's optimiser over all that it trains.

    Args:
        network: Whose parameters count where they require a gradient.
        phase: Names the optimiser, the rates and the kind of parameters.
        trained: The stages that train together with the heads.
        extra: Parameters of the loss; they get the heads' rate and no weight decay.

    Raises:
        RecipeError: There is no such optimiser, it cannot be used here, it has no momentum to
            set, or the stages have nothing of the kind that is to be trained.
    """
    members = {stage: _members(network, phase, stage) for stage in (*trained, "head")}
    if trained and not any(members[stage] for stage in trained):
        raise RecipeError(
            f"{network.backbone.name} has no {phase.parameters} to train in "
            f"{', '.join(sorted(trained))}",
            hint='let other stages train, or "parameters": "all"',
        )
    members["head"] += extra
    parts = (network.body, *network.heads.values())
    spared = set().union({id(value) for value in extra}, *map(undecayed_ids, parts))
    groups: Groups = []
    for stage, lr in stage_learning_rates(network, phase, trained).items():
        decayed = [value for value in members[stage] if id(value) not in spared]
        plain = [value for value in members[stage] if id(value) in spared]
        for values, decay in ((decayed, phase.weight_decay), (plain, 0.0)):
            if values:
                groups.append({"params": values, "peak_lr": lr, "weight_decay": decay})
    return _optimizer(phase, groups)


def _members(network: Network, phase: DescendPhase, stage: str) -> list[nn.Parameter]:
    """Collect what trains of a stage or of all heads."""
    if stage == "head":
        heads = network.heads.values()
        return [value for head in heads for value in head.parameters() if value.requires_grad]
    chosen = select_parameters(network.body, network.stage_parameters(stage), phase.parameters)
    return [value for value in chosen.values() if value.requires_grad]


def _optimizer(phase: DescendPhase, groups: Groups) -> torch.optim.Optimizer:
    """Find the optimiser and hand it the groups."""
    if build := OPTIMIZERS.get(phase.optimizer):
        _check_momentum(phase, takes_one=phase.optimizer not in _WITHOUT_MOMENTUM)
        first = groups[0]["params"][0]
        # Of spread tensors, torch has no fused SGD.
        fused = first.device.type in _FUSED and not is_spread(first)
        return build(groups, phase, fused)
    from timm.optim import (  # type: ignore[attr-defined]
        create_optimizer_v2,
        get_optimizer_info,
    )

    _check_name(phase.optimizer)
    _check_momentum(phase, takes_one=get_optimizer_info(phase.optimizer).has_momentum)
    optimizer: torch.optim.Optimizer = create_optimizer_v2(
        groups, phase.optimizer, lr=phase.lr, momentum=_momentum(phase)
    )
    for group in optimizer.param_groups:
        if "max_lr_snapshot" in group:  # what timm's "corrected" weight decay refers to
            group["max_lr_snapshot"] = group["peak_lr"]
    return optimizer


def _momentum(phase: DescendPhase, usual: float = 0.9) -> float:
    """Say which momentum a phase asks for, or the usual one."""
    return usual if phase.momentum is None else phase.momentum


def _check_momentum(phase: DescendPhase, *, takes_one: bool) -> None:
    """Raise where a phase asks for a momentum and its optimiser would not hear of it."""
    if phase.momentum is not None and not takes_one:
        raise RecipeError(
            f"the optimiser {phase.optimizer!r} has no momentum to set to {phase.momentum:g}",
            hint="leave the momentum out, or choose sgd, rmsprop or adamw",
        )


def _check_name(name: str) -> None:
    """Raise where timm has no optimiser of a name, or none that zoo can use."""
    for start, reason in _REFUSED.items():
        if name.startswith(start):
            raise RecipeError(f"the optimiser {name!r} cannot be used: {reason}", hint="adamw can")
    known = known_optimizers()
    if name not in known:
        near = get_close_matches(name.lower(), known, n=1)
        raise RecipeError(
            f"no optimiser named {name!r} among {len(known)}",
            hint=f"did you mean {near[0]!r}?" if near else f"torch's are {', '.join(OPTIMIZERS)}",
        )
