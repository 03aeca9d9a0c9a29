"""The end of a run: calibrate, measure, write the model, let go of the checkpoints."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from zoo.data.dataset import SplitName
from zoo.errors import DivergedError
from zoo.evaluation import Outputs, truths_of
from zoo.hub.interchange.describe import write_interchange
from zoo.model import ModelConfig, save_model
from zoo.recipes import DescendPhase
from zoo.run import Timing
from zoo.targets import (
    Calibration,
    LabelsTarget,
    Metrics,
    Target,
    ValueTarget,
    doubt_temperature,
    fit_temperature,
    say_figure,
    tune_thresholds,
)
from zoo.training.context import Training

_CLEARLY = 1.1
"""Over the solved head's loss: what chance does not explain where the scores are equal."""
_FOR_LITTLE_DATA = ("linear-probe", "finetune-few")
"""Recipes that a handful of images cannot spoil."""


def finish(training: Training) -> None:
    """Turn the network as it was left into a finished model, measured in float32.

    Raises:
        DivergedError: The weights are not finite.
    """
    training.network.place(training.plan.device).eval()
    _calibrate(training)
    splits = [split for split in training.plan.dataset.splits if split != "train"]
    metrics: dict[SplitName, Metrics] = {split: training.score(split) for split in splits}
    training.processes.agree(lambda: _conclude(training, metrics))


def _conclude(training: Training, metrics: dict[SplitName, Metrics]) -> None:
    if not all(math.isfinite(found.loss) for found in metrics.values()):
        raise DivergedError("training ended in weights that are not finite", hint="lower --lr")
    _compare_with_head(training, metrics["validation"])
    _write(training, metrics)


def _calibrate(training: Training) -> None:
    """Fold units and temperatures into the heads; tune the thresholds of labels."""
    outputs = training.outputs_on_validation()
    truths = truths_of(training.plan.dataset.validation)
    training.config = training.processes.agree(lambda: _tune(training.config, outputs, truths))
    if training.processes.writes:
        _note_doubts(training, outputs, truths)
    for name, head in training.network.heads.items():
        if name in training.config.calibration:
            head.fold(training.config.calibration[name].temperature)
        else:
            head.fold()


def _tune(config: ModelConfig, outputs: Outputs, truths: Outputs) -> ModelConfig:
    """Find what validation data decides: one number a target, and one a label."""
    found: dict[str, Calibration] = {}
    targets: list[Target] = []
    for target in config.targets:
        logits, truth = outputs[target.name], truths[target.name]
        if not isinstance(target, ValueTarget):
            found[target.name] = fit_temperature(target, logits, truth)
        if isinstance(target, LabelsTarget):
            thresholds = tune_thresholds(logits / found[target.name].temperature, truth)
            target = replace(target, thresholds=thresholds)
        targets.append(target)
    return replace(config, targets=tuple(targets), calibration=found)


def _note_doubts(training: Training, outputs: Outputs, truths: Outputs) -> None:
    """Say which temperatures rest on next to nothing."""
    for target in training.config.targets:
        if not isinstance(target, ValueTarget):
            doubt = doubt_temperature(target, outputs[target.name], truths[target.name])
            if doubt is not None:
                training.progress.note(f"note: {doubt}")


def _write(training: Training, metrics: dict[SplitName, Metrics]) -> None:
    run = training.run
    save_model(run.model_folder, training.network, training.config)
    write_interchange(run.model_folder)
    seconds = sum(training.seconds.values())
    run.update(
        status="complete",
        metrics=metrics,
        calibration=dict(training.config.calibration),
        timing=Timing(
            seconds=round(seconds, 3),
            images_per_second=round(training.images / seconds, 3),
            phases={name: round(value, 3) for name, value in training.seconds.items()},
        ),
    )
    shutil.rmtree(run.checkpoints, ignore_errors=True)


def _compare_with_head(training: Training, final: Metrics) -> None:
    """Say so when training everything did not improve on the solved head.

    Compared are losses before calibration, which the log has of both.
    """
    text = training.run.metrics_log.read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    solves = [line["validation"] for line in lines if line["kind"] == "solve"]
    if not solves or lines[-1]["kind"] != "descend":
        return
    solved, reached = solves[-1], _kept(training, lines)
    name, better = final.headline.name, 1 if final.headline.higher_is_better else -1
    gained = better * (reached[name] - solved[name])
    if gained < 0 or (gained == 0 and reached["loss"] > _CLEARLY * solved["loss"]):
        compared = ", ".join(
            f"{key} {say_figure(solved[key])}, now {say_figure(reached[key])}"
            for key in dict.fromkeys((name, "loss"))
        )
        others = [recipe for recipe in _FOR_LITTLE_DATA if recipe != training.plan.recipe.name]
        training.progress.note(
            f"note: gradient descent did not improve on the solved head ({compared}); "
            f"with little data try --recipe {' or '.join(others)}"
        )


def _kept(training: Training, lines: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Find the figures of the weights that are kept: the last, or the best of the last phase."""
    own = [line["validation"] for line in lines if line["phase"] == lines[-1]["phase"]]
    phase = training.plan.recipe.phases[-1]
    patient = isinstance(phase, DescendPhase) and phase.patience is not None
    found: dict[str, float] = min(own, key=lambda line: line["loss"]) if patient else own[-1]
    return found
