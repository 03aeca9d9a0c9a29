"""One phase of gradient descent, from any step of it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor

from zoo.backbones.network import trained_stages
from zoo.errors import DeviceError, RecipeError
from zoo.inputs.image import normalize
from zoo.recipes import DescendPhase
from zoo.seeds import derive_seed
from zoo.storage import append_line
from zoo.targets.classes import classification_loss
from zoo.training.batches import Place, load_augmented, order_epoch
from zoo.training.checkpoint import Checkpoint
from zoo.training.context import Training
from zoo.training.optimizers import build_optimizer, set_learning_rates
from zoo.training.plan import Plan

CHECKPOINT_EVERY_S = 120.0
"""Longest stretch between two checkpoints, besides the one at the end of each epoch."""
_LOOK_EVERY = 10
"""Steps between two looks at the loss (each waits for the GPU)."""


class Descent:
    """A phase under way."""

    def __init__(self, training: Training, index: int, phase: DescendPhase) -> None:
        self.training = training
        self.plan = training.plan
        self.index = index
        self.phase = phase
        self.seed = derive_seed(self.plan.seed, "phase", index)
        self.steps_per_epoch = len(self._order(0))
        self.step = 0
        trained = trained_stages(phase, self.plan.backbone)
        training.network.freeze_except(trained, phase.batch_norm)
        self.accelerator = _open_accelerator(self.plan)
        self.network = training.network.place(self.plan.device)
        self.optimizer = build_optimizer(self.network, phase, trained)
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=self.plan.device)
        self.last_saved = time.perf_counter()
        self.score = ""

    @property
    def name(self) -> str:
        """What the timing calls this phase."""
        return f"descend {self.index}"

    def execute(self, start: Checkpoint | None) -> None:
        """Take all steps that `start` has not taken."""
        if start is not None and start.optimizer is not None:
            self.optimizer.load_state_dict(start.optimizer)
            self.step = start.step
            self.loss_sum += start.epoch_loss
        self.stepper = self.accelerator.prepare_optimizer(self.optimizer)
        with _repeatable_convolutions():
            for epoch in range(self.step // self.steps_per_epoch, self.phase.epochs):
                self._train(epoch)
                self._end(epoch)

    def _train(self, epoch: int) -> None:
        """Take the steps of an epoch that are still to be taken."""
        batches = self._order(epoch)[self.step - epoch * self.steps_per_epoch :]
        loader = load_augmented(
            self.plan.dataset.train,
            self.plan.recipe.augment,
            self.plan.train_preprocess,
            batches=batches,
            seed=self.seed,
            workers=self.plan.workers,
            pin_memory=self.plan.device.type == "cuda",
        )
        progress = self.training.progress
        progress.start(f"epoch {epoch + 1}/{self.phase.epochs}", sum(map(len, batches)))
        self.network.train()
        figures = ""
        for images, labels in loader:
            self._descend(images, labels)
            if self.step % _LOOK_EVERY == 0:
                figures = f"loss {self._mean_loss(epoch):.3f}{self.score}"
            progress.advance(len(images), figures)
            overdue = time.perf_counter() - self.last_saved > CHECKPOINT_EVERY_S
            within = self.step < (epoch + 1) * self.steps_per_epoch
            if within and (overdue or self.training.stop.signal):
                self._save(epoch)
        progress.finish()

    def _descend(self, images: Tensor, labels: Tensor) -> None:
        """Take one step on uint8 images [B, 3, size, size] and labels [B]."""
        total = self.steps_per_epoch * self.phase.epochs
        set_learning_rates(self.optimizer, self.phase, self.step, total)
        torch.manual_seed(derive_seed(self.seed, "step", self.step))
        pixels = images.to(self.plan.device, non_blocking=True).float()
        pixels = normalize(pixels, self.plan.preprocess).contiguous(
            memory_format=torch.channels_last
        )
        with self.accelerator.autocast():
            logits = self.network(pixels)
        targets = labels.to(self.plan.device, non_blocking=True)
        loss = classification_loss(logits, targets, self.plan.recipe.label_smoothing)
        self.accelerator.backward(loss)
        if self.phase.clip_norm is not None:
            self.accelerator.clip_grad_norm_(self.network.parameters(), self.phase.clip_norm)
        self.stepper.step()
        self.stepper.zero_grad()
        self.loss_sum += loss.detach()
        self.step += 1
        self.training.images += len(images)

    def _end(self, epoch: int) -> None:
        """Validate, log and save after an epoch."""
        train_loss = self._mean_loss(epoch)
        self.loss_sum.zero_()
        metrics = self.training.validate()
        self.score = f", top-1 {metrics.top1:.3f}"
        self.training.lap(self.name)
        line = {
            "phase": self.index,
            "kind": "descend",
            "epoch": epoch + 1,
            "step": self.step,
            "train_loss": train_loss,
            "validation_top1": metrics.top1,
            "validation_loss": metrics.loss,
            "seconds": round(self.training.seconds[self.name], 3),
        }
        append_line(self.training.run.metrics_log, line)
        self.training.progress.note(
            f"epoch {epoch + 1}/{self.phase.epochs}: train loss {train_loss:.3f}, "
            f"validation loss {metrics.loss:.3f}, top-1 {metrics.top1:.3f}"
        )
        self._save(epoch + 1)

    def _save(self, epoch: int) -> None:
        """Write a checkpoint within or before an epoch; leave if a signal asked for it."""
        done = self.step - epoch * self.steps_per_epoch
        self.training.lap(self.name)
        self.training.save(
            self.index,
            self.step,
            optimizer=self.optimizer,
            epoch_loss=self._mean_loss(epoch) * done,
        )
        self.last_saved = time.perf_counter()
        self.training.stop_if_asked()

    def _mean_loss(self, epoch: int) -> float:
        """Mean training loss of the epoch so far, nats.

        Raises:
            RecipeError: It is not finite; the checkpoint before it is untouched.
        """
        loss = self.loss_sum.item() / max(1, self.step - epoch * self.steps_per_epoch)
        if not math.isfinite(loss):
            raise RecipeError(
                f"the loss became {loss} within {_LOOK_EVERY} steps before step {self.step}",
                hint="start again with a lower --lr",
            )
        return loss

    def _order(self, epoch: int) -> list[list[Place]]:
        return order_epoch(
            len(self.plan.dataset.train),
            self.plan.recipe.batch_size,
            seed=self.seed,
            epoch=epoch,
        )


def _open_accelerator(plan: Plan) -> Accelerator:
    """Open Accelerate on the planned device.

    Its state is one a process and refuses a second precision, so what an earlier run in
    this process left is cleared first, as Accelerate's notebook guide does.
    """
    AcceleratorState._reset_state(reset_partial_state=True)  # noqa: SLF001
    accelerator = Accelerator(
        cpu=plan.device.type == "cpu",
        device_placement=False,
        mixed_precision="bf16" if plan.precision == "bf16" else "no",
    )
    if accelerator.num_processes > 1:
        raise DeviceError(
            f"zoo trains in one process, and was started as {accelerator.num_processes}",
            hint="start it without torchrun or accelerate launch",
        )
    return accelerator


@contextmanager
def _repeatable_convolutions() -> Iterator[None]:
    """Let cuDNN use only algorithms that give the same bits again."""
    before = torch.backends.cudnn.deterministic
    torch.backends.cudnn.deterministic = True
    try:
        yield
    finally:
        torch.backends.cudnn.deterministic = before
