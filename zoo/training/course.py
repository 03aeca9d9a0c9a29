"""The steps of a phase: how many, which samples each sees, and their images."""

from __future__ import annotations

from functools import cached_property

from torch import Tensor

from zoo.recipes import DescendPhase
from zoo.targets import ClassTarget
from zoo.training.batches import Steps, balanced_chances, count_steps, order_epoch
from zoo.training.context import Training
from zoo.training.images import TrainingImages, open_training_pixels


class Course:
    """What a phase goes through, the same however often it is asked."""

    def __init__(self, training: Training, phase: DescendPhase, seed: int) -> None:
        self.training = training
        self.plan = training.plan
        self.phase = phase
        self.seed = seed

    @cached_property
    def step_size(self) -> int:
        """Samples a step, over all processes."""
        recipe = self.plan.recipe
        return recipe.batch_size * recipe.accumulate * self.training.processes.count

    @cached_property
    def steps_per_epoch(self) -> int:
        """Steps of a whole epoch."""
        return count_steps(len(self.plan.dataset.train), self.step_size, keep_last=self._keeps_last)

    @cached_property
    def total_steps(self) -> int:
        """Steps of the phase."""
        steps = self.steps_per_epoch * self.phase.epochs
        return min(steps, self.phase.max_steps or steps)

    def left_of(self, epoch: int, step: int) -> Steps:
        """Choose the steps of an epoch that are still to be taken after `step` of the phase."""
        begun = epoch * self.steps_per_epoch
        return self._order(epoch)[step - begun : self.end_of(epoch) - begun]

    def end_of(self, epoch: int) -> int:
        """Steps of the phase that are taken when an epoch ends."""
        return min((epoch + 1) * self.steps_per_epoch, self.total_steps)

    @cached_property
    def images(self) -> TrainingImages:
        """The training images, and the processes that read them."""
        plan = self.plan
        pixels = open_training_pixels(plan, self.training.progress)
        augment, contract = plan.recipe.augment, plan.train_preprocess
        neighbours = self.training.processes.count_neighbours()
        return TrainingImages(
            pixels, augment, contract, self.seed, plan.device, neighbours=neighbours
        )

    @property
    def _keeps_last(self) -> bool:
        return self.plan.recipe.last_batch == "keep"

    def _order(self, epoch: int) -> Steps:
        return order_epoch(
            len(self.plan.dataset.train),
            self.step_size,
            seed=self.seed,
            epoch=epoch,
            keep_last=self._keeps_last,
            chances=self._chances,
        )

    @cached_property
    def _chances(self) -> Tensor | None:
        """How often each sample is drawn, where classes are to be balanced."""
        if self.plan.recipe.sampling == "shuffled":
            return None
        target = next(t for t in self.plan.dataset.targets if isinstance(t, ClassTarget))
        return balanced_chances(self.plan.dataset.train.truths[target.name], target.num_outputs)
