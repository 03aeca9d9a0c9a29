"""One step of gradient descent: its batches, its loss, its gradient, its memory."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from accelerate.utils.memory import should_reduce_batch_size
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from zoo.backbones.statistics import follows_inputs
from zoo.errors import RecipeError
from zoo.inputs.image import normalize
from zoo.inputs.transfer import send
from zoo.seeds import derive_seed
from zoo.training.augment import Place, mix
from zoo.training.context import Training
from zoo.training.images import TrainingImages
from zoo.training.joined import join
from zoo.training.objective import build_objective
from zoo.training.shares import load_whole


class Stepper:
    """Computes the gradient of a step, in batches that fit into memory."""

    def __init__(self, training: Training, seed: int) -> None:
        self.training = training
        self.plan = training.plan
        self.seed = seed
        self.processes = training.processes
        self.batch_size = self.plan.recipe.batch_size
        self.objective = build_objective(
            self.plan.recipe, self.plan.dataset.targets, self.plan.dataset.train
        ).to(self.plan.device)
        self._module = join(training, self.objective, self._usual_size)

    def share_of(self, step: Sequence[Place]) -> list[Place]:
        """Choose this process's part of a step.

        Where a step has fewer images than there are processes, those without one of their own
        go along on its first, which they do not count.
        """
        return [step[at] for at in self.processes.share(len(step))] or [step[0]]

    def backward(
        self,
        number: int,
        step: Sequence[Place],
        images: Sequence[Tensor] | Tensor,
        source: TrainingImages,
    ) -> Tensor:
        """Compute the gradient of a step.

        Args:
            number: Which step of the phase it is; all randomness belongs to it.
            step: The places of all processes.
            images: This process's, as `source` loaded them.
            source: Makes batches of them.

        Returns:
            This process's part of the step's mean loss.

        Raises:
            RecipeError: Not even one image fits into memory, or batches are not to be halved.
        """
        while True:
            statistics = self._moving_statistics()
            try:
                return self._backward(number, step, images, source)
            except RuntimeError as cause:
                if not should_reduce_batch_size(cause):
                    raise
                self._require_room_for_less(cause)
            # Only here is the failed batch's graph, which the error held, gone.
            self._halve()
            for buffer, before in statistics:
                buffer.copy_(before)

    def _backward(
        self,
        number: int,
        step: Sequence[Place],
        images: Sequence[Tensor] | Tensor,
        source: TrainingImages,
    ) -> Tensor:
        torch.manual_seed(derive_seed(self.seed, "step", number, self.processes.rank))
        divisors = self.objective.count(self._truths(step), self.plan.device)
        mine, counted = self.share_of(step), len(self.processes.share(len(step)))
        longest = -(-len(step) // self.processes.count)
        losses = []
        for at in range(0, longest, self.batch_size):
            # All take as many batches as whoever has the most images: each is an exchange.
            some = slice(at, at + self.batch_size) if at < counted else slice(1)
            is_last = at + self.batch_size >= longest
            with contextlib.nullcontext() if is_last else self._unsynchronised():
                pixels = source.gather(images[some], mine[some])
                loss = self._loss(number, at, mine[some], pixels, divisors, len(step))
                loss = loss if at < counted else loss * 0
                (loss * self.processes.count).backward()
            losses.append(loss.detach())
        return torch.stack(losses).sum()

    def _loss(
        self,
        number: int,
        at: int,
        places: Sequence[Place],
        pixels: Tensor,
        divisors: dict[str, Tensor],
        whole: int,
    ) -> Tensor:
        """Mix some images and compute their part of the step's loss."""
        recipe = self.plan.recipe.augment
        mixing: dict[str, Any] = {}
        if recipe.mixup or recipe.cutmix:
            seed = derive_seed(self.seed, "mix", self.processes.rank, at)
            mixed = mix(pixels, recipe, seed=seed, step=number)
            pixels, mixing = mixed.images, {"partner": mixed.partner, "part": mixed.part}
        pixels = normalize(pixels, self.plan.preprocess).contiguous(
            memory_format=torch.channels_last
        )
        share = len(places) / whole
        truths = {
            name: send(truth, self.plan.device) for name, truth in self._truths(places).items()
        }
        loss: Tensor = self._module(pixels, truths, divisors, share=share, **mixing)
        return loss

    def clip(self, norm: float | None) -> None:
        """Scale the gradient down to a norm, if it is longer."""
        if norm is not None:
            parameters = [p for p in self._module.parameters() if p.grad is not None]
            torch.nn.utils.clip_grad_norm_(parameters, norm)

    def state_dict(self) -> dict[str, Any]:
        """All that a checkpoint needs."""
        return {"batch_size": self.batch_size, "objective": self.objective.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take what a checkpoint held."""
        self.batch_size = state["batch_size"]
        load_whole(self.objective, state["objective"])

    def _truths(self, places: Sequence[Place]) -> dict[str, Tensor]:
        """Look up what is known of samples, on the CPU."""
        rows = np.array([index for _, index in places], dtype=np.int64)
        return {
            name: torch.from_numpy(truth[rows])
            for name, truth in self.plan.dataset.train.truths.items()
        }

    def _usual_size(self) -> int:
        """Count the images of every batch but the last ones of a step or an epoch."""
        count = len(self.plan.dataset.train)
        return min(self.batch_size, -(-count // self.processes.count))

    def _unsynchronised(self) -> Any:
        """Leave the exchange of gradients between processes to the step's last batch."""
        if isinstance(self._module, DistributedDataParallel):
            return self._module.no_sync()
        return contextlib.nullcontext()

    def _moving_statistics(self) -> list[tuple[Tensor, Tensor]]:
        """Copy what a batch that fails later may have moved already: running statistics."""
        if not self.plan.auto_batch:
            return []
        layers = [
            layer
            for layer in self.training.network.modules()
            if follows_inputs(layer) and layer.training
        ]
        return [(buffer, buffer.clone()) for layer in layers for buffer in layer.buffers()]

    def _require_room_for_less(self, cause: RuntimeError) -> None:
        """Give up where batches are not to be halved, or cannot be."""
        if not self.plan.auto_batch or self.batch_size == 1 or self.processes.count > 1:
            auto = ", or auto for the largest that fits" if self.processes.count == 1 else ""
            smaller = f"a smaller --batch-size{auto}, or "
            raise RecipeError(
                f"a batch of {self.batch_size} does not fit into memory",
                hint=f"give {smaller if self.batch_size > 1 else ''}a smaller --img-size",
            ) from cause

    def _halve(self) -> None:
        """Go on with batches of half the size."""
        for parameter in self._module.parameters():
            parameter.grad = None
        if self.plan.device.type == "cuda":
            torch.cuda.empty_cache()
        before, self.batch_size = self.batch_size, self.batch_size // 2
        self.training.progress.note(
            f"note: a batch of {before} images does not fit into memory; going on with batches of "
            f"{self.batch_size}, whose gradients are added up: a step is as large as before"
        )
