"""Files to labels and scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.evaluation import Classifier, run_on_files


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What a classifier says of one file."""

    file: Path
    label: str
    """The most probable class."""
    score: float
    """Its probability (softmax), in [0, 1]."""
    top: tuple[tuple[str, float], ...]
    """The most probable classes with their probabilities, in falling order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A file that could not be decoded."""

    file: Path
    reason: str


def predict(
    classifier: Classifier,
    paths: Sequence[Path],
    *,
    top: int = 5,
    batch_size: int = 32,
    workers: int = 0,
) -> Iterator[Prediction | Failure]:
    """Predict files as they are decoded, in the order given."""
    for batch, logits in run_on_files(classifier, paths, batch_size=batch_size, workers=workers):
        scores, order = logits.softmax(dim=1).sort(dim=1, descending=True, stable=True)
        answers: dict[int, Prediction | Failure] = {
            index: Failure(file=paths[index], reason=reason)
            for index, reason in batch.unreadable.items()
        }
        for index, values, labels in zip(
            batch.indices, scores.tolist(), order.tolist(), strict=True
        ):
            ranked = tuple(
                (classifier.classes[label], value)
                for label, value in list(zip(labels, values, strict=True))[:top]
            )
            answers[index] = Prediction(
                file=paths[index], label=ranked[0][0], score=ranked[0][1], top=ranked
            )
        yield from (answers[index] for index in sorted(answers))
