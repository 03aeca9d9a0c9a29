"""Scores of several targets together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from torch import Tensor

from zoo.targets.class_metrics import ClassMetrics
from zoo.targets.kinds import Target, TargetMetrics
from zoo.targets.label_metrics import LabelsMetrics
from zoo.targets.scoring import STRICT, Figure, Headline
from zoo.targets.value_metrics import ValueMetrics


@dataclass(frozen=True, slots=True, kw_only=True)
class JointMetrics:
    """Scores of a network that answers several targets."""

    __pydantic_config__ = STRICT

    kind: Literal["joint"] = "joint"
    num_samples: int
    """Samples of which anything is known."""
    loss: Figure
    """Plain sum of the losses of the targets of which anything is known."""
    targets: dict[str, TargetMetrics]
    """By target's name."""

    @property
    def headline(self) -> Headline:
        """What such a network is judged by; a mean of different figures would mean nothing."""
        return Headline(name="loss", value=self.loss, higher_is_better=False)


Metrics = Annotated[
    ClassMetrics | LabelsMetrics | ValueMetrics | JointMetrics, Field(discriminator="kind")
]


def score_all(
    targets: Sequence[Target], outputs: Mapping[str, Tensor], truths: Mapping[str, Tensor]
) -> Metrics:
    """Score every target by its name: the only one's own metrics, or those of all together."""
    metrics = {t.name: t.score(outputs[t.name], truths[t.name]) for t in targets}
    if len(targets) == 1:
        return metrics[targets[0].name]
    known = [m.loss for m in metrics.values() if m.num_samples]
    present = [t.present(truths[t.name].cpu().numpy()) for t in targets]
    return JointMetrics(
        num_samples=int(np.logical_or.reduce(present).sum()),
        loss=sum(known) if known else np.nan,
        targets=metrics,
    )


def describe_scores(metrics: Metrics) -> str:
    """Say the headline of every target in a few words."""
    if isinstance(metrics, JointMetrics):
        return ", ".join(f"{name} {part.headline}" for name, part in metrics.targets.items())
    return str(metrics.headline)
