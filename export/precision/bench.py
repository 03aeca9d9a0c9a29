"""What every variant is compared on: a graph, the images, and float32's answers to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch

from export.precision.answers import agreement_of, answer, noise_of
from export.precision.blame import Group, Sensitive, find_sensitive
from export.precision.images import Images
from export.precision.judge import Judge
from export.precision.lowering import Lowering, lower_alone
from export.precision.search import Judgement, Kept
from export.precision.source import Source
from zoo.evaluation import Outputs
from zoo.model import TrainedModel
from zoo.targets import Target

_NUM_BLAMING = 16
"""Trial images that nodes are compared on: there are many nodes."""

Rank = tuple[float, float]


def rank_of(noise: float, agreement: float | None) -> Rank:
    """Put ways to lower in order: first whoever decides most alike, then the least noise."""
    return -(agreement or 0.0), noise


@dataclass(frozen=True, eq=False)
class Bench:
    """A graph, the images, and float32's answers to them."""

    source: Source
    images: Images
    model: TrainedModel
    """The trained network, on the device to measure on."""
    max_drop: float
    """Points that each target may lose."""

    @property
    def targets(self) -> Sequence[Target]:
        """What is answered."""
        return self.model.targets

    @property
    def device(self) -> torch.device:
        """Where everything runs."""
        return self.model.device

    @cached_property
    def _judge(self) -> Judge:
        return Judge(self.model, self.source.content, self.images.validation)

    @cached_property
    def on_trial(self) -> Outputs:
        """Float32's answers to the trial images."""
        return answer(self.source.content, self.device, self.images.trial)

    def judge(self, content: bytes) -> Judgement:
        """Compare a file with float32 on validation images."""
        return self._judge.judge(content, self.max_drop)

    def blame(self, lowering: Lowering) -> list[Sensitive]:
        """Find the nodes that make the noise."""
        images = self.images.trial[:_NUM_BLAMING]
        reference = {name: outputs[:_NUM_BLAMING] for name, outputs in self.on_trial.items()}

        def measure(nodes: Group) -> float:
            found = answer(lower_alone(lowering, nodes), self.device, images)
            return noise_of(self.targets, reference, found)

        return find_sensitive(lowering.nodes, measure)

    def try_out(self, lowering: Lowering, kept: Kept = ()) -> tuple[float, float | None]:
        """Tell noise and agreement of a way to lower, on images it was not fitted to."""
        found = answer(lowering.stand_in(lowering.lower(kept)), self.device, self.images.trial)
        noise = noise_of(self.targets, self.on_trial, found)
        return noise, agreement_of(self.targets, self.on_trial, found)

    def choose(self, ways: Sequence[Lowering], kept: Kept) -> Lowering:
        """Choose the way that decides most alike, and of equals the one with the least noise.

        Args:
            ways: The best first where nothing is kept.
            kept: Nodes that stay in float32.
        """

        def rank(way: Lowering) -> Rank:
            return rank_of(*self.try_out(way, kept))

        return ways[0] if len(ways) == 1 or not kept else min(ways, key=rank)
