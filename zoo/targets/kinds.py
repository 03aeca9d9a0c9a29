"""The kinds of target there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from zoo.recipes import TargetKind
from zoo.targets.class_metrics import ClassMetrics
from zoo.targets.classes import ClassAnswer, ClassTarget
from zoo.targets.label_metrics import LabelsMetrics
from zoo.targets.labels import LabelsAnswer, LabelsTarget
from zoo.targets.value_metrics import ValueMetrics
from zoo.targets.values import ValueAnswer, ValueTarget

Target = Annotated[ClassTarget | LabelsTarget | ValueTarget, Field(discriminator="kind")]
TargetMetrics = Annotated[ClassMetrics | LabelsMetrics | ValueMetrics, Field(discriminator="kind")]
Answer = ClassAnswer | LabelsAnswer | ValueAnswer

KINDS: Mapping[TargetKind, type[ClassTarget] | type[LabelsTarget] | type[ValueTarget]] = {
    "class": ClassTarget,
    "labels": LabelsTarget,
    "value": ValueTarget,
}
"""What a kind's name stands for."""
