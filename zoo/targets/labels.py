"""The `labels` target: any number of labels a sample, each for itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from zoo.errors import DataError
from zoo.targets.cells import name_of, names_hint, refuse, show
from zoo.targets.label_metrics import LabelsMetrics, score_labels
from zoo.targets.marks import marks_of, read_marks, write_marks
from zoo.targets.scoring import MISSING, STRICT, keep_present

if TYPE_CHECKING:
    from zoo.data.dataset import Truth

DEFAULT_THRESHOLD = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelsAnswer:
    """What a tagger says of one sample."""

    labels: tuple[tuple[str, float], ...]
    """The labels above their thresholds with their probabilities, in falling order."""
    scores: dict[str, float]
    """Probability of every label, in [0, 1]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelsTarget:
    """Any number of labels a sample; truth int8 [N, C] of 0 and 1, -1 where missing.

    A cell is a list of names, a text that lists them between semicolons or as JSON, or, where
    only some labels are known, an object of 0 and 1 by name. An empty list says that no label
    holds; an empty cell says nothing. The network answers with logits [N, C], nats.
    """

    __pydantic_config__ = STRICT

    name: str
    kind: Literal["labels"] = "labels"
    classes: tuple[str, ...]
    """Names in the order of the logits; at least one, all different."""
    thresholds: tuple[float, ...] | None = None
    """Probability above which each label is given, in [0, 1]; None is 0.5 for all."""

    def __post_init__(self) -> None:
        if len(set(self.classes)) < max(1, len(self.classes)):
            raise ValueError(f"labels must be one or more different names, not {self.classes}")
        if any(not name_of(name) for name in self.classes):
            raise ValueError("a label needs a name that is not blank")
        if len(self.cuts) != len(self.classes) or not all(0 <= cut <= 1 for cut in self.cuts):
            raise ValueError(f"thresholds must be one a label, in [0, 1], not {self.thresholds}")

    @classmethod
    def fit(cls, name: str, cells: Sequence[object]) -> LabelsTarget:
        """Take the distinct names among training cells, sorted, as the labels.

        Raises:
            DataError: A cell cannot be read, or none names a label.
        """
        found = sorted({label for marks in read_marks(name, cells) for label in marks or ()})
        if not found:
            raise DataError(
                f"target {name!r} has no label in any of {len(cells)} cells",
                hint="choose another column",
            )
        return cls(name=name, classes=tuple(found))

    @property
    def num_outputs(self) -> int:
        """One logit a label."""
        return len(self.classes)

    @property
    def cuts(self) -> tuple[float, ...]:
        """The threshold of each label, also where none was tuned."""
        if self.thresholds is None:
            return (DEFAULT_THRESHOLD,) * len(self.classes)
        return self.thresholds

    def encode(self, cells: Sequence[object]) -> Truth:
        """Read cells as marks, int8 [N, C].

        Raises:
            DataError: Cells that cannot be read, or that name an unknown label.
        """
        index = {name: at for at, name in enumerate(self.classes)}
        truth = np.full((len(cells), len(self.classes)), MISSING, np.int8)
        unknown: dict[int, str] = {}
        for row, marks in enumerate(read_marks(self.name, cells)):
            if isinstance(marks, list):
                truth[row] = 0
            for label, mark in marks_of(marks):
                if label in index:
                    truth[row, index[label]] = mark
                else:
                    unknown.setdefault(row, label)
        if unknown:
            mistakes = {row: f"{show(label)} is not a label" for row, label in unknown.items()}
            hint = names_hint(self.classes, next(iter(unknown.values())))
            raise refuse(self.name, mistakes, len(cells), hint=hint)
        return truth

    def decode(self, truth: Truth) -> list[object]:
        """Write marks as sorted lists of names, objects where only some are known, or None."""
        order = sorted(range(len(self.classes)), key=self.classes.__getitem__)
        names = [self.classes[at] for at in order]
        return [write_marks(names, marks) for marks in truth[:, order].tolist()]

    def present(self, truth: Truth) -> NDArray[np.bool_]:
        """Tell the rows of which at least one label is known."""
        return np.asarray((truth != MISSING).any(axis=1))

    def score(self, outputs: Tensor, truth: Tensor) -> LabelsMetrics:
        """Score logits [N, C] against the cells that are known."""
        logits, marks = keep_present(self, outputs, truth)
        return score_labels(logits, marks, self.classes, self.cuts)

    def answer(self, outputs: Tensor, top: int = 5) -> list[LabelsAnswer]:  # noqa: ARG002
        """Give each row all labels above their thresholds, whatever `top` is."""
        answers = []
        for row in outputs.double().sigmoid().tolist():
            scores = dict(zip(self.classes, row, strict=True))
            given = [
                pair for pair, cut in zip(scores.items(), self.cuts, strict=True) if pair[1] > cut
            ]
            given.sort(key=lambda pair: -pair[1])
            answers.append(LabelsAnswer(labels=tuple(given), scores=scores))
        return answers
