"""The `class` target: one of several exclusive classes an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_confusion_matrix,
    multiclass_f1_score,
    multiclass_precision,
    multiclass_recall,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScore:
    """How well one class is told from the others."""

    name: str
    precision: float
    """Right among those predicted as this class, in [0, 1]; 0 if none was."""
    recall: float
    """Right among those of this class, in [0, 1]; 0 if there are none."""
    f1: float
    support: int
    """Images of this class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassMetrics:
    """Scores of a classifier on labelled images."""

    num_samples: int
    loss: float
    """Mean cross-entropy, nats."""
    top1: float
    """Part whose highest logit is the label's, in [0, 1]."""
    top5: float
    """Part whose label is among the five highest logits, in [0, 1]; 1 below six classes."""
    macro_f1: float
    """Mean F1 over the classes that occur among labels or predictions."""
    per_class: tuple[ClassScore, ...]
    confusion_matrix: tuple[tuple[int, ...], ...]
    """Counts [true class][predicted class], in class order."""


def classification_loss(logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """Mean cross-entropy in float32, nats.

    Args:
        logits: [B, C].
        labels: int64 [B].
        smoothing: Part of each label that is spread over all classes (arXiv:1512.00567).
    """
    return F.cross_entropy(logits.float(), labels, label_smoothing=smoothing)


def score_classes(logits: Tensor, labels: Tensor, classes: Sequence[str]) -> ClassMetrics:
    """Score logits [N, C] against int64 labels [N]."""
    count = len(classes)
    precision, recall, f1 = (
        metric(logits, labels, num_classes=count, average="none").tolist()
        for metric in (multiclass_precision, multiclass_recall, multiclass_f1_score)
    )
    confusion = multiclass_confusion_matrix(logits, labels, num_classes=count)
    return ClassMetrics(
        num_samples=len(labels),
        loss=classification_loss(logits, labels).item(),
        top1=multiclass_accuracy(logits, labels, num_classes=count, average="micro").item(),
        top5=multiclass_accuracy(
            logits, labels, num_classes=count, average="micro", top_k=min(5, count)
        ).item(),
        macro_f1=multiclass_f1_score(logits, labels, num_classes=count, average="macro").item(),
        per_class=tuple(
            ClassScore(name=name, precision=p, recall=r, f1=f, support=int(support))
            for name, p, r, f, support in zip(
                classes, precision, recall, f1, confusion.sum(dim=1), strict=True
            )
        ),
        confusion_matrix=tuple(tuple(row) for row in confusion.tolist()),
    )
