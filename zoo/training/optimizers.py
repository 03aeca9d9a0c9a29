"""Parameter groups, optimisers and learning-rate schedules of a phase."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from zoo.backbones.network import Network
from zoo.recipes import DescendPhase


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
    network: Network, phase: DescendPhase, trained: frozenset[str]
) -> torch.optim.Optimizer:
    """Build a phase's optimiser over all that it trains."""
    groups: list[dict[str, Any]] = []
    for stage, lr in stage_learning_rates(network, phase, trained).items():
        parameters = (
            dict(network.head.named_parameters())
            if stage == "head"
            else network.stage_parameters(stage)
        )
        decayed, plain = _split_by_decay(parameters)
        for members, decay in ((decayed, phase.weight_decay), (plain, 0.0)):
            if members:
                groups.append({"params": members, "peak_lr": lr, "weight_decay": decay})
    if phase.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=phase.lr, momentum=0.9, nesterov=True, fused=True)
    return torch.optim.AdamW(groups, lr=phase.lr, fused=True)


def set_learning_rates(
    optimizer: torch.optim.Optimizer, phase: DescendPhase, step: int, total_steps: int
) -> None:
    """Scale every group's peak rate for one step.

    A linear rise over the warm-up, then half a cosine down to zero (arXiv:1608.03983).
    The factor depends on the step alone, so that a resumed run needs no schedule's state.
    """
    warmup = round(phase.warmup * total_steps)
    if step < warmup:
        factor = (step + 1) / (warmup + 1)
    else:
        factor = 0.5 * (1 + math.cos(math.pi * (step - warmup) / (total_steps - warmup)))
    for group in optimizer.param_groups:
        group["lr"] = group["peak_lr"] * factor


def _split_by_decay(
    parameters: Mapping[str, nn.Parameter],
) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Separate weight matrices and kernels from biases, norms and other vectors."""
    decayed = [value for value in parameters.values() if value.ndim > 1]
    return decayed, [value for value in parameters.values() if value.ndim <= 1]
