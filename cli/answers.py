"""Predictions as a table, as JSON lines and as CSV."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from cli import render
from cli.figures import NOTHING, beside
from zoo.prediction import Prediction
from zoo.targets import Answer, ClassAnswer, LabelsAnswer, LabelsTarget, Target, ValueTarget

_SEPARATOR = ";"
"""What stands between the labels of a table's cell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """A column of the table on the screen."""

    name: str
    cell: Callable[[Any], str]
    """From the target's answer."""
    is_number: bool = False


def print_table(predictions: Iterable[Prediction], targets: Sequence[Target]) -> None:
    """Print all predictions below each other, a group of columns a target."""
    groups = {target.name: _columns(target, alone=len(targets) == 1) for target in targets}
    columns = [column for group in groups.values() for column in group]
    rows = [
        (
            str(prediction.file),
            *(
                column.cell(prediction.answers[name])
                for name, group in groups.items()
                for column in group
            ),
        )
        for prediction in predictions
    ]
    if rows:
        numbers = [column.name for column in columns if column.is_number]
        names = ("file", *(column.name for column in columns))
        render.print_table(names, rows, right=numbers, fold=False)


def print_json_lines(predictions: Iterable[Prediction], targets: Sequence[Target]) -> None:
    """Print an object a file: the answer of the only target, or each target's under its name."""
    for prediction in predictions:
        answers = {target.name: _to_data(prediction.answers[target.name]) for target in targets}
        found = next(iter(answers.values())) if len(targets) == 1 else answers
        render.print_json_line({"file": str(prediction.file), **found})


def print_csv(predictions: Iterable[Prediction], targets: Sequence[Target]) -> None:
    """Print a line a file; columns are named like JSON's keys, with dots between them."""

    def flatten(answers: dict[str, Answer]) -> dict[str, str]:
        return {
            name if len(targets) == 1 else f"{target.name}.{name}": text
            for target in targets
            for name, text in _to_texts(answers[target.name]).items()
        }

    writer = csv.writer(sys.stdout)
    blank = {t.name: t.answer(torch.zeros(1, t.num_outputs))[0] for t in targets}
    writer.writerow(("file", *flatten(blank)))
    for prediction in predictions:
        writer.writerow((prediction.file, *flatten(prediction.answers).values()))


def _columns(target: Target, *, alone: bool) -> list[_Column]:
    """Choose what a screen has room for."""
    if isinstance(target, ValueTarget):
        return [
            _Column(name=name, cell=_value_cell(name, std), is_number=True)
            for name, std in zip(target.columns, target.std, strict=True)
        ]
    if isinstance(target, LabelsTarget):
        name = "labels" if alone else target.name
        return [_Column(name=name, cell=lambda answer: _list_scores(answer.labels) or NOTHING)]
    score = _Column(name="score", cell=lambda answer: f"{answer.score:.1%}", is_number=True)
    then = _Column(name="then", cell=lambda answer: _list_scores(answer.top[1:]))
    name = "label" if alone else target.name
    label = _Column(name=name, cell=lambda answer: str(answer.label))
    return [label, score, then] if alone else [label, score]


def _value_cell(name: str, std: float) -> Callable[[Any], str]:
    return lambda answer: beside(answer.values[name], std)


def _list_scores(pairs: Iterable[tuple[str, float]]) -> str:
    return ", ".join(f"{name} {score:.1%}" for name, score in pairs)


def _to_data(answer: Answer) -> dict[str, Any]:
    """Say an answer as JSON does."""
    if isinstance(answer, ClassAnswer):
        return {"label": answer.label, "score": answer.score, "top": answer.top}
    if isinstance(answer, LabelsAnswer):
        return {"labels": [name for name, _ in answer.labels], "scores": answer.scores}
    if len(answer.values) > 1:
        return {"values": answer.values}
    return {"value": next(iter(answer.values.values()))}


def _to_texts(answer: Answer) -> dict[str, str]:
    """Say an answer in cells that `zoo finetune` would read as truths."""
    if isinstance(answer, ClassAnswer):
        return {"label": answer.label, "score": f"{answer.score:.6f}"}
    if isinstance(answer, LabelsAnswer):
        scores = {f"scores.{name}": f"{score:.6f}" for name, score in answer.scores.items()}
        return {"labels": _join([name for name, _ in answer.labels]), **scores}
    # The shortest decimals that are this float32.
    texts = {name: str(np.float32(value)) for name, value in answer.values.items()}
    if len(texts) == 1:
        return {"value": next(iter(texts.values()))}
    return {f"values.{name}": text for name, text in texts.items()}


def _join(names: Sequence[str]) -> str:
    """List labels with semicolons, or as JSON where that could be misread; none is `[]`."""
    plain = all(n == n.strip() and n[0] not in "[{" and _SEPARATOR not in n for n in names)
    return _SEPARATOR.join(names) if names and plain else json.dumps(names, ensure_ascii=False)
