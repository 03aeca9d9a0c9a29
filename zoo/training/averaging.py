"""An exponential moving average of what trains."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from zoo.backbones.statistics import running_statistics
from zoo.training.shares import local, spread


class Average:
    """The average of a network's moving tensors over the steps of a phase.

    These are the parameters that require a gradient and the running statistics of BatchNorm
    layers in training mode, as the first update finds them; nothing else is ever written to.
    The first update takes the tensors as they are. Later ones keep `decay` of the average, but
    no more than `(1 + n) / (10 + n)` after `n` updates, so that it soon forgets the start.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self._network = network
        self._moving: dict[str, Tensor] = {}
        self._averages: dict[str, Tensor] = {}

    @property
    def tensors(self) -> list[Tensor]:
        """The averages themselves; none before the first update."""
        return [*self._averages.values()]

    @torch.no_grad()
    def update(self) -> None:
        """Take in the network after a step."""
        if self.updates == 0:
            self._moving = _moving_tensors(self._network)
            self._averages = {name: value.clone() for name, value in self._moving.items()}
        else:
            kept = min(self.decay, (1 + self.updates) / (10 + self.updates))
            average = get_ema_multi_avg_fn(kept)
            # Lists of shares: torch takes none of spread tensors and others together.
            averages, moving = map(_shares, (self._averages, self._moving))
            average(averages, moving, self.updates)
        self.updates += 1

    @contextmanager
    def swapped(self) -> Iterator[None]:
        """Put the average into the network, and afterwards what was there, bit for bit."""
        kept = {name: value.clone() for name, value in self._moving.items()}
        self.put()
        try:
            yield
        finally:
            _copy(kept, self._moving)

    def put(self) -> None:
        """Put the average into the network for good."""
        _copy(self._averages, self._moving)

    def state_dict(self) -> dict[str, Any]:
        """Return all that `load_state_dict` needs: plain numbers and tensors."""
        return {"updates": self.updates, "averages": dict(self._averages)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state; the network has the tensors that it had then.

        Raises:
            KeyError: It does not.
        """
        tensors = _named_tensors(self._network)
        self.updates = state["updates"]
        self._moving = {name: tensors[name] for name in state["averages"]}
        self._averages = {
            name: spread(value, self._moving[name]) for name, value in state["averages"].items()
        }


def _named_tensors(network: nn.Module) -> dict[str, Tensor]:
    """Collect parameters and buffers by name, sharing memory with the network."""
    parameters = {name: value.detach() for name, value in network.named_parameters()}
    return parameters | dict(network.named_buffers())


def _moving_tensors(network: nn.Module) -> dict[str, Tensor]:
    """Choose the tensors that a training step changes."""
    tensors = _named_tensors(network)
    names = [name for name, value in network.named_parameters() if value.requires_grad]
    for path, module in network.named_modules():
        if module.training:
            names += [f"{path}.{name}".lstrip(".") for name, _ in running_statistics(module)]
    return {name: tensors[name] for name in names}


def _shares(tensors: dict[str, Tensor]) -> list[Tensor]:
    return [local(value) for value in tensors.values()]


@torch.no_grad()
def _copy(source: dict[str, Tensor], target: dict[str, Tensor]) -> None:
    for name, value in source.items():
        target[name].copy_(value)
