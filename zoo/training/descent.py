"""One phase of gradient descent, from any step of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from typing import Any

from torch import Tensor

from zoo.backbones.network import trained_stages
from zoo.recipes import DescendPhase
from zoo.seeds import derive_seed
from zoo.targets import describe_scores, say_figure
from zoo.training.augment import Place
from zoo.training.averaging import Average
from zoo.training.checkpoint import Checkpoint
from zoo.training.context import Training
from zoo.training.course import Course
from zoo.training.lora import add_lora, merge_lora
from zoo.training.optimizers import build_optimizer
from zoo.training.parameters import select_parameters
from zoo.training.patience import Best
from zoo.training.room import kept_bytes, note_on_room, room_of, told_of_room
from zoo.training.schedules import set_learning_rates
from zoo.training.shares import load_optimizer
from zoo.training.step import Stepper
from zoo.training.summary import render_summary, summarise
from zoo.training.watch import LossWatch

CHECKPOINT_EVERY_S = 120.0
"""Longest stretch between two checkpoints, besides the one at the end of each epoch."""
_LOOK_EVERY = 10
"""Steps between two looks at the loss and the clock (each waits for the GPU, and for the other
processes)."""


class Descent:
    """A phase under way."""

    def __init__(self, training: Training, index: int, phase: DescendPhase) -> None:
        self.training = training
        self.plan = training.plan
        self.index = index
        self.phase = phase
        self.seed = derive_seed(self.plan.seed, "phase", index)
        self.course = Course(training, phase, self.seed)
        self.step = 0
        self.trained = trained_stages(phase, training.network.backbone)
        self.score = ""
        self.last_saved = time.perf_counter()

    @property
    def name(self) -> str:
        """What the timing calls this phase."""
        return f"descend {self.index}"

    def execute(self, start: Checkpoint | None) -> None:
        """Take all steps that `start` has not taken.

        Raises:
            RunInterruptedError: A signal came; the checkpoint is written.
            DivergedError: A loss or a weight is not finite.
            RecipeError: A batch, or what is kept from step to step, does not fit into memory.
        """
        # Of this no part depends on the batch: there would be nothing gained by halving it.
        with told_of_room(
            f"weights, gradients and what {self.phase.optimizer} keeps of them",
            "a smaller --batch-size hardly changes that: train fewer stages, take --optimizer "
            "sgd, which keeps less, or spread them over several processes with --shard",
        ):
            self._arrange(start)
            self._announce()
            with closing(self.course.images):
                self._go_through_epochs()
            self._settle()

    def _go_through_epochs(self) -> None:
        for epoch in range(self.step // self.course.steps_per_epoch, self.phase.epochs):
            if self.step >= self.course.total_steps or self.best.is_over:
                break
            self._train(epoch)
            self._end(epoch)

    def _arrange(self, start: Checkpoint | None) -> None:
        """Freeze, add what trains, and take the state of a checkpoint."""
        network, phase = self.training.network, self.phase
        chosen: set[str] = set()
        for stage in self.trained if phase.lora is None else ():
            parameters = network.stage_parameters(stage)
            chosen |= set(select_parameters(network.body, parameters, phase.parameters))
        network.freeze_except(self.trained, phase.batch_norm, chosen)
        if phase.lora is not None:
            stages = network.backbone.stages
            paths = [path for stage in stages if stage in self.trained for path in stages[stage]]
            add_lora(network.body, paths, phase.lora, seed=self.seed)
        resumed = start is not None and start.phase_state is not None
        if start is not None and resumed:
            self.training.continue_from(start)
        self._note_room()
        self.training.place()
        self.stepper = Stepper(self.training, self.seed)
        network = self.training.network  # which may be spread over processes now
        self.optimizer = build_optimizer(
            network, phase, self.trained, tuple(self.stepper.objective.parameters())
        )
        self.average = Average(network, phase.ema) if phase.ema is not None else None
        self.best = Best(phase.patience)
        self.watch = LossWatch(self.training)
        if start is not None and start.phase_state is not None:
            self._load(start, start.phase_state)

    def _load(self, start: Checkpoint, state: dict[str, Any]) -> None:
        self.step = start.step
        load_optimizer(self.optimizer, state["optimizer"])
        self.stepper.load_state_dict(state["stepper"])
        self.best.load_state_dict(state["best"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.watch.continue_from(
            start.epoch_loss, start.step % self.course.steps_per_epoch, reached=start.step
        )

    def _note_room(self) -> None:
        """Say so where what is about to train does not fit."""
        shares = self.training.processes.count if self.plan.sharded else 1
        needed, room = kept_bytes(self.training.network), room_of(self.plan.device)
        if note := note_on_room(needed, room, shares=shares):
            self.training.progress.note(note)

    def _announce(self) -> None:
        """Say what is about to train, stage by stage."""
        phase, note, steps = self.phase, self.training.progress.note, self.course.total_steps
        images = min(self.course.step_size, len(self.plan.dataset.train))
        self.training.network.train()
        note(
            f"phase {self.index + 1} of {len(self.plan.recipe.phases)}: {phase.optimizer}, "
            f"{phase.schedule} schedule, {steps} step{'s' if steps > 1 else ''} of "
            f"{images} image{'s' if images > 1 else ''}"
        )
        if self.step:
            note(f"resuming after step {self.step}")
        head, *lines = render_summary(summarise(self.training.network, self.optimizer))
        # Of a later phase, what is not as it was in the one before.
        changed = [line for line in lines if line not in self.training.announced]
        for line in (head, *changed) if changed else ():
            note(f"  {line}")
        self.training.announced = lines

    def _train(self, epoch: int) -> None:
        """Take the steps of an epoch that are still to be taken."""
        steps, end = self.course.left_of(epoch, self.step), self.course.end_of(epoch)
        mine = map(self.stepper.share_of, steps)
        workers = self.plan.workers if len(steps) > 1 else 0
        loader = self.course.images.load(mine, workers=workers)
        progress = self.training.progress
        progress.start(f"epoch {epoch + 1}/{self.phase.epochs}", steps.num_samples)
        self.training.network.train()
        figures = ""
        for step, images in zip(steps, loader, strict=True):
            self._descend(step, images)
            if self.step % _LOOK_EVERY == 0 or self._is_asked_alone:
                figures = f"loss {say_figure(self.watch.look(self.step))}{self.score}"
                if self.step < end and self._is_time_to_save:
                    self._save()
            progress.advance(len(step), figures)
        progress.finish()

    def _descend(self, step: list[Place], images: Sequence[Tensor] | Tensor) -> None:
        """Take one step."""
        set_learning_rates(self.optimizer, self.phase, self.step, self.course.total_steps)
        loss = self.stepper.backward(self.step, step, images, self.course.images)
        self.stepper.clip(self.phase.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.average is not None:
            self.average.update()
        self.watch.note(loss, step)
        self.step += 1
        self.training.images += len(step)

    @property
    def _is_asked_alone(self) -> bool:
        """Whether a signal came, where no other process has to hear of it."""
        return self.training.processes.count == 1 and self.training.stop.signal is not None

    @property
    def _is_time_to_save(self) -> bool:
        overdue = time.perf_counter() - self.last_saved > CHECKPOINT_EVERY_S
        return self.training.processes.any(overdue or self.training.stop.signal is not None)

    def _end(self, epoch: int) -> None:
        """Validate, log and save after an epoch."""
        train_loss = self.watch.look(self.step)
        self.watch.begin_epoch()
        with self._averaged():
            metrics = self.training.validate(last=self._may_end_after(epoch))
            self.watch.require_finite_validation(metrics.loss, epoch + 1)
            self.best.consider(metrics.loss, epoch + 1, self.training.network)
        self.score = f", {describe_scores(metrics)}"
        self.training.lap(self.name)
        self.training.log(
            {
                "phase": self.index,
                "kind": "descend",
                "epoch": epoch + 1,
                "step": self.step,
                "train_loss": train_loss,
                "validation": {metrics.headline.name: metrics.headline.value, "loss": metrics.loss},
                "seconds": round(self.training.seconds[self.name], 3),
            }
        )
        self.training.progress.note(
            f"epoch {epoch + 1}/{self.phase.epochs}: train loss {say_figure(train_loss)}, "
            f"validation loss {say_figure(metrics.loss)}{self.score}{self._cut_short}"
        )
        self._save()

    @property
    def _cut_short(self) -> str:
        """Say where another limit than the number of epochs ends the phase."""
        left_over = self.step < self.course.steps_per_epoch * self.phase.epochs
        if self.step < self.course.total_steps or not left_over:
            return ""
        return f"; --max-steps {self.phase.max_steps} ends the phase here"

    def _may_end_after(self, epoch: int) -> bool:
        """Tell whether the run can be left with the network as an epoch's end finds it.

        Where patience ends it earlier, an epoch before was better.
        """
        is_last_phase = self.index + 1 == len(self.plan.recipe.phases)
        at_end = epoch + 1 == self.phase.epochs or self.step >= self.course.total_steps
        return is_last_phase and at_end

    def _settle(self) -> None:
        """Leave the network as it is to be kept: averaged or best weights, one body."""
        if self.average is not None:
            self.average.put()
        if note := self.best.restore(self.training.network):
            self.training.progress.note(note)
        self.training.reunite()
        if self.phase.lora is not None:
            merge_lora(self.training.network.body)

    def _averaged(self) -> AbstractContextManager[None]:
        """Have the average in the network for a while, where there is one."""
        if self.average is None:
            return nullcontext()
        return self.average.swapped()

    def _save(self) -> None:
        """Write a checkpoint; leave if a signal asked for it."""
        averages = self.average.tensors if self.average is not None else ()
        self.watch.require_finite(self.training.network, self.step, averages)
        self.training.lap(self.name)
        state = {
            "optimizer": self.optimizer.state_dict(),
            "stepper": self.stepper.state_dict(),
            "best": self.best.state_dict(),
        }
        if self.average is not None:
            state["average"] = self.average.state_dict()
        self.training.save(
            self.index, self.step, phase_state=state, epoch_loss=self.watch.epoch_loss
        )
        self.watch.saved(self.step)
        self.last_saved = time.perf_counter()
        self.training.stop_if_asked()
