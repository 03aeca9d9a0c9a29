"""Scores of the `labels` target, over the cells that are known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.targets.scoring import CALIBRATION_BINS, MISSING, STRICT, Figure, Headline, Rates


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelScore:
    """How well one label is recognised, over the samples of which it is known."""

    __pydantic_config__ = STRICT

    name: str
    average_precision: Figure
    """Area under precision over recall, in [0, 1]; NaN without a positive."""
    precision: float
    """Right among those given this label, in [0, 1]; 0 if none was."""
    recall: float
    """Given among those with this label, in [0, 1]; 0 if there are none."""
    f1: float
    support: int
    """Samples with this label."""
    threshold: float
    """Probability above which the label is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelsMetrics:
    """Scores of a tagger over what is known; NaN where nothing is."""

    __pydantic_config__ = STRICT

    kind: Literal["labels"] = "labels"
    num_samples: int
    """Samples of which at least one label is known."""
    loss: Figure
    """Mean binary cross-entropy of the known cells, nats."""
    mean_average_precision: Figure
    """Mean over the labels that have a positive."""
    macro_f1: Figure
    """Mean F1 over the labels that occur among truths or answers."""
    micro_f1: Figure
    """F1 of all cells together."""
    exact_match: Figure
    """Part of the samples whose known labels are all answered right."""
    calibration_error: Figure
    """Mean distance between probability and frequency over all cells, in [0, 1]."""
    per_label: tuple[LabelScore, ...]

    @property
    def headline(self) -> Headline:
        """What a tagger is judged by."""
        return Headline(name="mAP", value=self.mean_average_precision, higher_is_better=True)


def score_labels(
    logits: Tensor, marks: Tensor, names: Sequence[str], thresholds: Sequence[float]
) -> LabelsMetrics:
    """Score logits [N, C] against marks [N, C] of 0 and 1, -1 where missing."""
    probabilities = logits.double().sigmoid()
    known, positive = marks != MISSING, marks == 1
    guessed = probabilities > torch.tensor(thresholds, dtype=torch.float64)
    counts = [(cells & known).sum(dim=0) for cells in (guessed & positive, guessed, positive)]
    rates = Rates.of(*counts)
    # Counted over all labels together, there is one F1 left to take the mean of.
    micro = Rates.of(*(count.sum(dim=0, keepdim=True) for count in counts))
    areas = _average_precisions(probabilities, marks)
    columns = (areas, *rates.columns(), counts[2].tolist(), thresholds)
    return LabelsMetrics(
        num_samples=len(marks),
        loss=F.binary_cross_entropy_with_logits(logits[known], marks[known].float()).item(),
        mean_average_precision=torch.tensor(areas, dtype=torch.float64).nanmean().item(),
        macro_f1=rates.macro_f1,
        micro_f1=micro.macro_f1,
        exact_match=((guessed == positive) | ~known).all(dim=1).double().mean().item(),
        calibration_error=labels_calibration_error(logits, marks),
        per_label=tuple(
            LabelScore(
                name=name,
                average_precision=area,
                precision=precision,
                recall=recall,
                f1=f1,
                support=support,
                threshold=threshold,
            )
            for name, area, precision, recall, f1, support, threshold in zip(
                names, *columns, strict=True
            )
        ),
    )


def labels_calibration_error(logits: Tensor, marks: Tensor) -> float:
    """Mean distance between probability and frequency over bins; NaN without known cells."""
    # Imported when something is scored: torchmetrics brings scipy, matplotlib and transformers.
    from torchmetrics.functional.classification import binary_calibration_error

    known = marks != MISSING
    if not logits[known].isfinite().all():
        return math.nan
    # Given logits that all lie in [0, 1], torchmetrics would take them for probabilities.
    probabilities = logits[known].double().sigmoid()
    return float(binary_calibration_error(probabilities, marks[known].int(), CALIBRATION_BINS))


def _average_precisions(probabilities: Tensor, marks: Tensor) -> list[float]:
    """Average precision of each label, NaN for those without a positive."""
    from torchmetrics.functional.classification import binary_average_precision

    areas = []
    for scores, truth in zip(probabilities.unbind(dim=1), marks.unbind(dim=1), strict=True):
        known = truth != MISSING
        area = (
            binary_average_precision(scores[known], truth[known].int())
            if (truth == 1).any()
            else math.nan
        )
        areas.append(float(area))
    return areas
