"""Scores of the `class` target."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from zoo.targets.scoring import CALIBRATION_BINS, STRICT, Figure, Headline, Rates


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScore:
    """How well one class is told from the others."""

    __pydantic_config__ = STRICT

    name: str
    precision: float
    """Right among those predicted as this class, in [0, 1]; 0 if none was."""
    recall: float
    """Right among those of this class, in [0, 1]; 0 if there are none."""
    f1: float
    support: int
    """Samples of this class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassMetrics:
    """Scores of a classifier on labelled samples; NaN where there are none."""

    __pydantic_config__ = STRICT

    kind: Literal["class"] = "class"
    num_samples: int
    loss: Figure
    """Mean cross-entropy, nats."""
    top1: Figure
    """Part whose highest logit is the label's, in [0, 1]."""
    top5: Figure
    """Part whose label is among the five highest logits, in [0, 1]; 1 below six classes."""
    macro_f1: Figure
    """Mean F1 over the classes that occur among labels or predictions."""
    calibration_error: Figure
    """Mean distance between confidence and top-1, in [0, 1] (arXiv:1706.04599)."""
    per_class: tuple[ClassScore, ...]
    confusion_matrix: tuple[tuple[int, ...], ...]
    """Counts [true class][predicted class], in class order."""

    @property
    def headline(self) -> Headline:
        """What a classifier is judged by."""
        return Headline(name="top-1", value=self.top1, higher_is_better=True)


def score_classes(logits: Tensor, labels: Tensor, names: Sequence[str]) -> ClassMetrics:
    """Score logits [N, C] against int64 labels [N], none missing."""
    # Imported when something is scored: torchmetrics brings scipy, matplotlib and transformers.
    from torchmetrics.functional.classification import multiclass_confusion_matrix

    count = len(names)
    confusion = multiclass_confusion_matrix(logits, labels, num_classes=count)
    hits, guessed, support = confusion.diag(), confusion.sum(dim=0), confusion.sum(dim=1)
    rates = Rates.of(hits, guessed, support)
    best = logits.topk(min(5, count)).indices
    return ClassMetrics(
        num_samples=len(labels),
        loss=F.cross_entropy(logits, labels).item(),
        top1=(hits.sum().double() / support.sum()).item(),
        top5=(best == labels[:, None]).any(dim=1).double().mean().item(),
        macro_f1=rates.macro_f1,
        calibration_error=class_calibration_error(logits, labels),
        per_class=tuple(
            ClassScore(name=name, precision=precision, recall=recall, f1=f1, support=number)
            for name, precision, recall, f1, number in zip(
                names, *rates.columns(), support.tolist(), strict=True
            )
        ),
        confusion_matrix=tuple(tuple(row) for row in confusion.tolist()),
    )


def class_calibration_error(logits: Tensor, labels: Tensor) -> float:
    """Mean distance between confidence and top-1 over bins of confidence; NaN without rows."""
    from torchmetrics.functional.classification import multiclass_calibration_error

    if not logits.isfinite().all():
        return math.nan
    # Given logits that all lie in [0, 1], torchmetrics would take them for probabilities.
    error = multiclass_calibration_error(
        logits.softmax(dim=1), labels, num_classes=logits.shape[1], n_bins=CALIBRATION_BINS
    )
    return float(error)
