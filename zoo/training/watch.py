"""The losses as they are seen: means for the user, and a stop where one is no number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import NoReturn

import torch
from torch import Tensor, nn

from zoo.backbones.statistics import running_statistics
from zoo.errors import DivergedError
from zoo.training.augment import Place
from zoo.training.checkpoint import has_checkpoint
from zoo.training.context import Training
from zoo.training.shares import local


class LossWatch:
    """The losses of an epoch, looked at now and then: a look waits for the device."""

    def __init__(self, training: Training) -> None:
        self.training = training
        self.epoch_loss = 0.0
        """Sum of the losses of the epoch's steps that were looked at."""
        self._steps = 0
        self._unseen: list[Tensor] = []
        self._places: list[Sequence[Place]] = []
        self._last_saved = 0

    def note(self, loss: Tensor, step: Sequence[Place]) -> None:
        """Hear a step's loss, or this process's part of it."""
        self._unseen.append(loss)
        self._places.append(step)

    def look(self, reached: int) -> float:
        """Return the mean loss of the epoch so far.

        Args:
            reached: Steps taken in the phase.

        Raises:
            DivergedError: A loss is not finite; names the step, its samples and the checkpoint.
        """
        if self._unseen:
            losses = torch.stack(self._unseen).double()
            if self.training.processes.count > 1:
                losses = self.training.processes.accelerator.reduce(losses, reduction="sum")
            values = losses.tolist()
            first = reached - len(values)
            for at, value in enumerate(values):
                if not math.isfinite(value):
                    step, places = first + at + 1, self._places[at]
                    self.training.processes.agree(partial(self._refuse, value, step, places))
            self.epoch_loss += sum(values)
            self._steps += len(values)
            self._unseen.clear()
            self._places.clear()
        return self.epoch_loss / max(1, self._steps)

    def begin_epoch(self) -> None:
        """Forget the epoch before."""
        self.epoch_loss, self._steps = 0.0, 0

    def continue_from(self, epoch_loss: float, steps: int, *, reached: int) -> None:
        """Take up an epoch in its course, after so many steps of it."""
        self.epoch_loss, self._steps, self._last_saved = epoch_loss, steps, reached

    def saved(self, reached: int) -> None:
        """Hear that a checkpoint was written."""
        self._last_saved = reached

    def require_finite_validation(self, loss: float, epoch: int) -> None:
        """Make sure that training still goes somewhere.

        Args:
            loss: On validation data, the same in all processes.
            epoch: After which it was measured, counted from one.

        Raises:
            DivergedError: It is not finite, although the training losses were.
        """
        if not math.isfinite(loss):
            self.training.processes.agree(partial(self._refuse_validation, loss, epoch))

    def require_finite(
        self, network: nn.Module, reached: int, averages: Sequence[Tensor] = ()
    ) -> None:
        """Make sure that a checkpoint would be worth keeping.

        Args:
            network: As it is after the last step, whose loss was computed before it.
            reached: Steps taken in the phase.
            averages: Moving averages of its tensors.

        Raises:
            DivergedError: A weight, a running statistic of BatchNorm or an average is not finite.
        """
        kept: dict[str, Sequence[Tensor]] = {
            "weights": [value for value in network.parameters() if value.requires_grad],
            "BatchNorm statistics": _statistics_of(network),
            "averaged weights": averages,
        }
        processes = self.training.processes
        for what, tensors in kept.items():
            # Processes on the CPU have statistics of their own.
            if processes.any(not _are_finite(tensors)):
                processes.agree(partial(self._refuse_weights, what, reached))

    @property
    def _last_good(self) -> str:
        """What was written while all losses were finite, in words."""
        place = self.training.run.checkpoints
        if self._last_saved:
            last = f"the checkpoint of step {self._last_saved}"
            return f"{last} in {place} is the last before it"
        if has_checkpoint(place):
            return f"the checkpoint of the phase before, in {place}, is the last before it"
        return "there is no checkpoint before it"

    def _refuse_validation(self, loss: float, epoch: int) -> NoReturn:
        raise DivergedError(
            f"the validation loss became {loss} in epoch {epoch}; {self._last_good}",
            hint="start again with a lower --lr or with --clip-norm 1",
        )

    def _refuse_weights(self, what: str, reached: int) -> NoReturn:
        raise DivergedError(
            f"the {what} are not finite any more after step {reached}; {self._last_good}",
            hint="start again with a lower --lr or with --clip-norm 1",
        )

    def _refuse(self, value: float, step: int, places: Sequence[Place]) -> NoReturn:
        train = self.training.plan.dataset.train
        names = ", ".join(str(train.files[index]) for _, index in places[:8])
        more = f" and {len(places) - 8} more" if len(places) > 8 else ""
        raise DivergedError(
            f"the loss became {value} at step {step}, on {names}{more}; {self._last_good}",
            hint="look at these samples, or start again with a lower --lr or with --clip-norm 1",
        )


def _statistics_of(network: nn.Module) -> list[Tensor]:
    """Collect the running means and variances of all layers."""
    return [value for layer in network.modules() for _, value in running_statistics(layer)]


def _are_finite(tensors: Sequence[Tensor]) -> bool:
    """Look at this process's share of tensors: their largest number knows of NaN as well."""
    shares = [share for value in tensors if (share := local(value)).numel()]
    return bool(torch.nn.utils.get_total_norm(shares, math.inf).isfinite())
