"""The course of training, read from `metrics.jsonl`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.storage import parse_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """What was measured after one epoch of gradient descent; NaN where nothing was."""

    phase: int
    """Counted from zero, as the log does."""
    train_loss: float
    validation_loss: float
    score: float
    """The headline figure on validation data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Solve:
    """The losses that a solved head chose its strength by."""

    target: str
    chosen: float
    losses: tuple[tuple[float, float], ...]
    """(L2 strength, held-out loss), by rising strength."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Everything that a run logged, in order."""

    epochs: tuple[Epoch, ...] = ()
    score_name: str = ""
    """Of the headline figure; empty where there is none but the loss."""
    solves: tuple[Solve, ...] = ()


def read_course(log: Path) -> Course:
    """Read a run's log; lines that are no JSON objects say nothing."""
    if not log.exists():
        return Course()
    lines = list(_objects(log))
    descents = [line for line in lines if line.get("kind") == "descend"]
    names = [name for line in descents for name in line.get("validation", {}) if name != "loss"]
    name = names[0] if names else ""
    return Course(
        epochs=tuple(_read_epoch(line, name) for line in descents),
        score_name=name,
        solves=tuple(
            _read_solve(target, found)
            for line in lines
            if line.get("kind") == "solve"
            for target, found in line.get("targets", {}).items()
        ),
    )


def _objects(log: Path) -> Iterator[dict[str, Any]]:
    """Yield what a kill in the middle of a line left whole."""
    for line in log.read_text(encoding="utf-8").splitlines():
        try:
            found = parse_json(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            yield found


def _read_epoch(line: dict[str, Any], name: str) -> Epoch:
    validation = line.get("validation", {})
    return Epoch(
        phase=line.get("phase", 0),
        train_loss=_figure(line.get("train_loss")),
        validation_loss=_figure(validation.get("loss")),
        score=_figure(validation.get(name)),
    )


def _read_solve(target: str, found: dict[str, Any]) -> Solve:
    losses = {float(at): _figure(loss) for at, loss in found.get("held_out_loss", {}).items()}
    known = sorted((at, loss) for at, loss in losses.items() if math.isfinite(loss))
    return Solve(target=target, chosen=_figure(found.get("strength")), losses=tuple(known))


def _figure(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else math.nan
