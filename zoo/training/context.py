"""A run under way: what all of its phases share."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass, field

import torch

from zoo.backbones.network import Network
from zoo.evaluation import evaluate
from zoo.model import ModelConfig, TrainedModel
from zoo.progress import Progress
from zoo.run import Run
from zoo.targets.classes import ClassMetrics
from zoo.training.checkpoint import Checkpoint, save_checkpoint
from zoo.training.interruption import StopFlag
from zoo.training.plan import Plan


@dataclass(slots=True, kw_only=True, eq=False)
class Training:
    """The network, where it is written to, and what was spent on it."""

    run: Run
    plan: Plan
    network: Network
    config: ModelConfig
    progress: Progress
    stop: StopFlag
    images: int = 0
    """Training images that went through the network, over all parts of a resumed run."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Time spent by phase, likewise."""
    _lap: float = field(default_factory=time.perf_counter)

    def continue_from(self, start: Checkpoint) -> None:
        """Take the state of a checkpoint."""
        self.network.load_state_dict(start.network)
        self.images, self.seconds = start.images, dict(start.seconds)

    def validate(self) -> ClassMetrics:
        """Score the network as it is on the validation split."""
        self.network.eval()
        model = TrainedModel(self.network, self.config, self.plan.device)
        samples = self.plan.dataset.validation
        return evaluate(model, samples, workers=self.plan.workers, progress=self.progress)

    def lap(self, phase: str) -> None:
        """Count the time since the last lap as spent in a phase."""
        now = time.perf_counter()
        self.seconds[phase] = self.seconds.get(phase, 0.0) + now - self._lap
        self._lap = now

    def save(
        self,
        phase: int,
        step: int,
        *,
        optimizer: torch.optim.Optimizer | None = None,
        epoch_loss: float = 0.0,
    ) -> None:
        """Write a checkpoint of this moment."""
        checkpoint = Checkpoint(
            phase=phase,
            step=step,
            network=self.network.state_dict(),
            optimizer=optimizer.state_dict() if optimizer else None,
            epoch_loss=epoch_loss,
            images=self.images,
            seconds=dict(self.seconds),
        )
        save_checkpoint(self.run.checkpoints, checkpoint)

    def stop_if_asked(self) -> None:
        """Leave at a safe point if a signal came.

        Raises:
            RunInterruptedError: With the command that continues the run.
        """
        output = shlex.quote(str(self.run.path))
        self.stop.raise_if_set(f"continue with: zoo finetune --resume --output {output}")
