"""Files to answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.evaluation import Predictor, run_on_files
from zoo.targets import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What a network says of one file."""

    file: Path
    answers: dict[str, Answer]
    """By target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A file that could not be decoded."""

    file: Path
    reason: str


def predict(
    predictor: Predictor,
    paths: Sequence[Path],
    *,
    top: int = 5,
    batch_size: int = 32,
    workers: int = 0,
) -> Iterator[Prediction | Failure]:
    """Predict files as they are decoded, in the order given.

    Args:
        predictor: A trained network or its export.
        paths: The files.
        top: How many classes to name of a `class` target.
        batch_size: Images at a time.
        workers: Processes that decode images.
    """
    for batch, outputs in run_on_files(predictor, paths, batch_size=batch_size, workers=workers):
        found: dict[int, Prediction | Failure] = {
            index: Failure(file=paths[index], reason=reason)
            for index, reason in batch.unreadable.items()
        }
        answers = [target.answer(outputs[target.name], top) for target in predictor.targets]
        names = [target.name for target in predictor.targets]
        for row, index in enumerate(batch.indices):
            mine = dict(zip(names, (column[row] for column in answers), strict=True))
            found[index] = Prediction(file=paths[index], answers=mine)
        yield from (found[index] for index in sorted(found))
