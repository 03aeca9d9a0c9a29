"""Ending a phase when validation no longer gets better, with the best weights restored."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor, nn

from zoo.targets import say_figure
from zoo.training.shares import load_whole, whole_of


class Best:
    """The weights of the lowest validation loss so far, where a phase has patience."""

    def __init__(self, patience: int | None) -> None:
        self.patience = patience
        self.loss = math.inf
        self.epoch = 0
        self.stale = 0
        """Epochs since then."""
        self.weights: dict[str, Tensor] = {}

    @property
    def is_over(self) -> bool:
        """Whether patience is exhausted."""
        return self.patience is not None and self.stale >= self.patience

    def consider(self, loss: float, epoch: int, network: nn.Module) -> None:
        """Hear of an epoch's validation loss; keep its weights if it is the lowest."""
        if self.patience is None:
            return
        if loss < self.loss:
            self.loss, self.epoch, self.stale = loss, epoch, 0
            state = whole_of(network.state_dict())
            self.weights = {name: value.detach().cpu().clone() for name, value in state.items()}
        else:
            self.stale += 1

    def restore(self, network: nn.Module) -> str:
        """Put the kept weights back; say of which epoch they are."""
        if not self.weights:
            return ""
        load_whole(network, self.weights)
        return f"kept the weights of epoch {self.epoch}, validation loss {say_figure(self.loss)}"

    def state_dict(self) -> dict[str, Any]:
        """All that a checkpoint needs."""
        return {
            "loss": self.loss,
            "epoch": self.epoch,
            "stale": self.stale,
            "weights": self.weights,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take what a checkpoint held."""
        self.loss, self.epoch, self.stale = state["loss"], state["epoch"], state["stale"]
        self.weights = state["weights"]
