"""What a phase really trains, read from the network and the optimiser as they stand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn

from zoo.backbones.network import Network
from zoo.backbones.statistics import follows_inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSummary:
    """One stage of a backbone, or all heads together."""

    name: str
    num_params: int
    num_trained: int
    """Of these, how many numbers the optimiser moves."""
    lr: float | None
    """Its peak learning rate; None where nothing trains."""
    batch_norm: str
    """`frozen` or `adapt`, or nothing where there is none."""

    @property
    def trains(self) -> str:
        """Say in a word how much of it trains."""
        if self.num_trained == 0:
            return "frozen"
        return "all" if self.num_trained == self.num_params else f"{self.num_trained:,}"


def summarise(network: Network, optimizer: torch.optim.Optimizer) -> list[StageSummary]:
    """Describe every stage from the stem up, then the heads.

    Args:
        network: In training mode, as the phase begins.
        optimizer: Its groups carry `peak_lr`.
    """
    rates = {
        id(parameter): group["peak_lr"]
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    stages: dict[str, tuple[Iterable[nn.Parameter], Iterable[nn.Module]]] = {
        stage: (network.stage_parameters(stage).values(), network.stage_modules(stage).values())
        for stage in network.backbone.stages
    }
    heads = network.heads.values()
    stages["head"] = ([value for head in heads for value in head.parameters()], heads)
    return [_summary(name, *found, rates) for name, found in stages.items()]


def _summary(
    name: str,
    parameters: Iterable[nn.Parameter],
    modules: Iterable[nn.Module],
    rates: dict[int, float],
) -> StageSummary:
    known = list(parameters)
    moved = [value for value in known if value.requires_grad and id(value) in rates]
    norms = [m for module in modules for m in module.modules() if follows_inputs(m)]
    modes = {"adapt" if norm.training else "frozen" for norm in norms}
    return StageSummary(
        name=name,
        num_params=sum(value.numel() for value in known),
        num_trained=sum(value.numel() for value in moved),
        lr=max(rates[id(value)] for value in moved) if moved else None,
        batch_norm=" and ".join(sorted(modes)),
    )


def render_summary(stages: list[StageSummary]) -> list[str]:
    """Lay the stages out in columns."""
    rows = [("stage", "parameters", "trains", "peak lr", "BatchNorm")]
    rows += [
        (s.name, f"{s.num_params:,}", s.trains, f"{s.lr:.2e}" if s.lr else "", s.batch_norm)
        for s in stages
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if at in (0, 4) else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
