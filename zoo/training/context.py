"""A run under way: what all of its phases share."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.distributed.device_mesh import DeviceMesh

from zoo.backbones.network import Network
from zoo.backbones.states import load_state
from zoo.data.dataset import Samples, SplitName
from zoo.data.pixels import PixelSource, open_prepared
from zoo.evaluation import Outputs, compute_outputs, truths_of
from zoo.model import ModelConfig, TrainedModel
from zoo.progress import Progress
from zoo.run import Run
from zoo.storage import append_line
from zoo.targets import Metrics, score_all
from zoo.training.checkpoint import Checkpoint, save_checkpoint
from zoo.training.fingerprint import fingerprint
from zoo.training.interruption import StopFlag
from zoo.training.plan import Plan
from zoo.training.processes import Processes
from zoo.training.room import told_of_room
from zoo.training.sharding import shard
from zoo.training.shares import whole_of


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
    whole: Network | None = None
    """On the CPU, what a network that is spread over processes becomes again."""
    announced: list[str] = field(default_factory=list)
    """What the phase before said of the stages, line by line."""
    _sources: dict[SplitName, PixelSource] = field(default_factory=dict)
    """This process's share of each split, as the network sees it."""
    _validated: tuple[str, Outputs] | None = None
    """The fingerprint of the network that was validated last of all, and what it put out."""
    _lap: float = field(default_factory=time.perf_counter)

    def continue_from(self, start: Checkpoint) -> None:
        """Take the state of a checkpoint."""
        load_state(self.network, start.network)
        self.images, self.seconds = start.images, dict(start.seconds)

    def place(self) -> None:
        """Put the network where it trains, or where it can be spread from."""
        self.network.place(torch.device("cpu") if self.plan.sharded else self.plan.device)

    def spread_over(self, mesh: DeviceMesh) -> None:
        """Spread the network over the processes until `reunite`."""
        self.whole = self.network
        self.network = shard(self.whole, mesh)

    def reunite(self) -> None:
        """Have the whole network again, as its shares now are."""
        if self.whole is not None:
            load_state(self.whole, whole_of(self.network.state_dict()))
            self.network, self.whole = self.whole, None

    def outputs(self, split: SplitName) -> Outputs:
        """Run the network as it is over a split, each process over its share.

        Returns:
            All outputs in the first process, nothing in the others.
        """
        self.network.eval()
        self.processes.equalise(self.network)
        model = TrainedModel(self.network, self.config, self.plan.device)
        samples = self.plan.dataset.splits[split]
        mine = [*self.processes.share(len(samples))]
        # Of a spread network every batch is an exchange: all have as many samples.
        missing = self.plan.sharded and len(mine) * self.processes.count < len(samples)
        run = [*mine, 0] if missing else mine
        if not run:
            nothing = {t.name: torch.empty(0, t.num_outputs) for t in self.config.targets}
            return self.processes.collect(nothing, len(samples))
        some = samples.select(run)
        with told_of_room("a measurement's images", "give a smaller --img-size"):
            found = compute_outputs(
                model,
                some,
                workers=self.plan.workers,
                progress=self.progress,
                source=self._source(split, some),
            )
        counted = {name: rows[: len(mine)] for name, rows in found.items()}
        return self.processes.collect(counted, len(samples))

    def validate(self, *, last: bool = False) -> Metrics:
        """Score the network as it is on the validation split.

        Args:
            last: Whether the run may be left with this network, whose outputs are then kept for
                its end. Telling whether it still is the same takes a second for a gigabyte.
        """
        outputs = self.outputs("validation")
        kept = last and self.whole is None
        self._validated = (self._identify(), outputs) if kept else None
        return self._score("validation", outputs)

    def score(self, split: SplitName) -> Metrics:
        """Score the network as it is on a split."""
        return self._score(split, self.outputs(split))

    def outputs_on_validation(self) -> Outputs:
        """Give `outputs` of the validation split: those of the last time, if they still hold."""
        if self._validated is not None and self._validated[0] == self._identify():
            return self._validated[1]
        return self.outputs("validation")

    def _identify(self) -> str:
        return self.processes.agree(lambda: fingerprint(self.network))

    def _score(self, split: SplitName, outputs: Outputs) -> Metrics:
        truths = truths_of(self.plan.dataset.splits[split])
        return self.processes.agree(lambda: score_all(self.config.targets, outputs, truths))

    def _source(self, split: SplitName, samples: Samples) -> PixelSource:
        """Open this process's share of a split; validation is decoded once and kept."""
        if split not in self._sources:
            self._sources[split] = open_prepared(
                samples.files,
                self.plan.preprocess,
                root=samples.root,
                cache=self.plan.cache if split == "validation" else None,
                progress=self.progress,
            )
        return self._sources[split]

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
        """Write a checkpoint of this moment: the same whether or not the network is spread."""
        network = self.network.state_dict()
        if self.whole is not None:
            network = whole_of(network, kept=self.processes.writes)
            phase_state = whole_of(phase_state, kept=self.processes.writes)
        checkpoint = Checkpoint(
            phase=phase,
            step=step,
            network=network,
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
