"""The `class` target: one of several exclusive classes a sample."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from zoo.errors import DataError
from zoo.targets.cells import name_of, names_hint, read_column, refuse, show
from zoo.targets.class_metrics import ClassMetrics, score_classes
from zoo.targets.scoring import MISSING, STRICT, keep_present

if TYPE_CHECKING:
    from zoo.data.dataset import Truth

_UNKNOWN = -2
"""Stands for a name that is no class until it is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassAnswer:
    """What a classifier says of one sample."""

    label: str
    """The most probable class."""
    score: float
    """Its probability (softmax), in [0, 1]."""
    top: tuple[tuple[str, float], ...]
    """The most probable classes with their probabilities, in falling order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassTarget:
    """One of several exclusive classes; truth int64 [N], -1 where missing.

    The network answers with logits [N, C], nats.
    """

    __pydantic_config__ = STRICT

    name: str = "label"
    kind: Literal["class"] = "class"
    classes: tuple[str, ...]
    """Names in the order of the logits; at least one, all different."""

    def __post_init__(self) -> None:
        if len(set(self.classes)) < max(1, len(self.classes)):
            raise ValueError(f"classes must be one or more different names, not {self.classes}")
        if any(not name_of(name) for name in self.classes):
            raise ValueError("a class needs a name that is not blank")

    @classmethod
    def fit(cls, name: str, cells: Sequence[object]) -> ClassTarget:
        """Take the distinct names among training cells, sorted, as the classes.

        Raises:
            DataError: A cell is no name, or there are fewer than two classes.
        """
        found = sorted(set(_read(name, cells)) - {""})
        if len(found) < 2:
            what = f"one class, {found[0]!r}" if found else "no class"
            raise DataError(
                f"target {name!r} has {what}; learning to tell classes apart takes two",
                hint="choose another column, or add samples of another class",
            )
        return cls(name=name, classes=tuple(found))

    @property
    def num_outputs(self) -> int:
        """One logit a class."""
        return len(self.classes)

    def encode(self, cells: Sequence[object]) -> Truth:
        """Read names as class indices, int64 [N].

        Raises:
            DataError: Cells that name no known class.
        """
        index = {name: at for at, name in enumerate(self.classes)} | {"": MISSING}
        names = _read(self.name, cells)
        truth = np.fromiter((index.get(name, _UNKNOWN) for name in names), np.int64)
        if unknown := np.flatnonzero(truth == _UNKNOWN).tolist():
            wrong = {row: name_of(cells[row]) for row in unknown}
            mistakes = {row: f"{show(name)} is not a class" for row, name in wrong.items()}
            hint = names_hint(self.classes, wrong[unknown[0]])
            raise refuse(self.name, mistakes, len(cells), hint=hint)
        return truth

    def decode(self, truth: Truth) -> list[object]:
        """Write class indices as names, None where missing."""
        # The missing truth, -1, takes the last of these.
        names = np.array([*self.classes, None], dtype=object)
        return list(names[truth].tolist())

    def present(self, truth: Truth) -> NDArray[np.bool_]:
        """Tell the rows whose class is known."""
        return np.asarray(truth != MISSING)

    def score(self, outputs: Tensor, truth: Tensor) -> ClassMetrics:
        """Score logits [N, C] against the rows whose class is known."""
        logits, labels = keep_present(self, outputs, truth)
        return score_classes(logits, labels, self.classes)

    def answer(self, outputs: Tensor, top: int = 5) -> list[ClassAnswer]:
        """Name the most probable class of each row, and the `top` first."""
        scores, order = outputs.float().softmax(dim=1).sort(dim=1, descending=True, stable=True)
        kept = max(top, 1)
        answers = []
        for values, labels in zip(scores[:, :kept].tolist(), order[:, :kept].tolist(), strict=True):
            names = (self.classes[label] for label in labels)
            ranked = tuple(zip(names, values, strict=True))
            answers.append(ClassAnswer(label=ranked[0][0], score=ranked[0][1], top=ranked))
        return answers


def _read(target: str, cells: Sequence[object]) -> Iterator[str]:
    """Read all cells as names, the empty one where nothing is said."""
    hint = f"give one name a cell, or ask for labels: {target}:labels"
    return read_column(target, cells, name_of, "", hint=hint)
