"""A run under way: what all of its phases share."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass, field
from typing import Any

import torch

from zoo.backbones.network import Network
from zoo.data.dataset import SplitName
from zoo.evaluation import Outputs, compute_outputs, truths_of
from zoo.model import ModelConfig, TrainedModel
from zoo.progress import Progress
from zoo.run import Run
from zoo.storage import append_line
from zoo.targets import Metrics, score_all
from zoo.training.checkpoint import Checkpoint, save_checkpoint
from zoo.training.interruption import StopFlag
from zoo.training.plan import Plan
from zoo.training.processes import Processes


@dataclass(slots=True, kw_only=True, eq=False)
class Training:
    """The network, where it is written to, and what was spent on it."""

    run: Run
    plan: Plan
    network: Network
    config: ModelConfig
    processes: Processes
    progress: Progress
    stop: StopFlag
    images: int = 0
    """Training images that went through the network, over all parts of a resumed run."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Time spent by phase, likewise."""
    announced: list[str] = field(default_factory=list)
    """What the phase before said of the stages, line by line."""
    _lap: float = field(default_factory=time.perf_counter)

    def continue_from(self, start: Checkpoint) -> None:
        """Take the state of a checkpoint."""
        self.network.load_state_dict(start.network)
        self.images, self.seconds = start.images, dict(start.seconds)

    def outputs(self, split: SplitName) -> Outputs:
        """Run the network as it is over a split, each process over its share.

        Returns:
            All outputs in the first process, nothing in the others.
        """
        self.network.eval()
        self.processes.equalise(self.network)
        model = TrainedModel(self.network, self.config, self.plan.device)
        samples = self.plan.dataset.splits[split]
        mine = samples.select(self.processes.share(len(samples)))
        if not len(mine):
            nothing = {t.name: torch.empty(0, t.num_outputs) for t in self.config.targets}
            return self.processes.collect(nothing, len(samples))
        found = compute_outputs(model, mine, workers=self.plan.workers, progress=self.progress)
        return self.processes.collect(found, len(samples))

    def validate(self) -> Metrics:
        """Score the network as it is on the validation split."""
        return self.score("validation")

    def score(self, split: SplitName) -> Metrics:
        """Score the network as it is on a split."""
        outputs, truths = self.outputs(split), truths_of(self.plan.dataset.splits[split])
        return self.processes.agree(lambda: score_all(self.config.targets, outputs, truths))

    def lap(self, phase: str) -> None:
        """Count the time since the last lap as spent in a phase."""
        now = time.perf_counter()
        self.seconds[phase] = self.seconds.get(phase, 0.0) + now - self._lap
        self._lap = now

    def log(self, line: dict[str, Any]) -> None:
        """Append a line to the run's log."""
        if self.processes.writes:
            append_line(self.run.metrics_log, line)

    def save(
        self,
        phase: int,
        step: int,
        *,
        phase_state: dict[str, Any] | None = None,
        epoch_loss: float = 0.0,
    ) -> None:
        """Write a checkpoint of this moment."""
        checkpoint = Checkpoint(
            phase=phase,
            step=step,
            network=self.network.state_dict(),
            phase_state=phase_state,
            epoch_loss=epoch_loss,
            images=self.images,
            seconds=dict(self.seconds),
        )
        self.processes.agree(lambda: save_checkpoint(self.run.checkpoints, checkpoint))

    @property
    def asked_to_stop(self) -> bool:
        """Whether a signal came, to any process."""
        return self.processes.any(self.stop.signal is not None)

    def stop_if_asked(self) -> None:
        """Leave at a safe point if a signal came.

        Raises:
            RunInterruptedError: With the command that continues the run.
        """
        if self.asked_to_stop:
            output = shlex.quote(str(self.run.path))
            again = (
                "continue with" if self.processes.count == 1 else "continue in as many processes"
            )
            hint = f"{again}: zoo finetune --resume --output {output}"
            self.processes.agree(lambda: self.stop.leave(hint))
