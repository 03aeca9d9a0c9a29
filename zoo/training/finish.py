"""The end of a run: calibrate, measure, write the model, let go of the checkpoints."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace

from zoo.data.dataset import SplitName
from zoo.errors import RecipeError
from zoo.evaluation import Outputs, truths_of
from zoo.model import ModelConfig, save_model
from zoo.run import Timing
from zoo.targets import (
    Calibration,
    LabelsTarget,
    Metrics,
    Target,
    ValueTarget,
    doubt_temperature,
    fit_temperature,
    tune_thresholds,
)
from zoo.training.context import Training


def finish(training: Training) -> None:
    """Turn the network as it was left into a finished model, measured in float32.

    Raises:
        RecipeError: The weights are not finite.
    """
    training.network.place(training.plan.device).eval()
    _calibrate(training)
    splits = [split for split in training.plan.dataset.splits if split != "train"]
    metrics: dict[SplitName, Metrics] = {split: training.score(split) for split in splits}
    training.processes.agree(lambda: _conclude(training, metrics))


def _conclude(training: Training, metrics: dict[SplitName, Metrics]) -> None:
    if not all(math.isfinite(found.loss) for found in metrics.values()):
        raise RecipeError("training ended in weights that are not finite", hint="lower --lr")
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
    """Say so when training everything did not improve on the solved head."""
    text = training.run.metrics_log.read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    name, better = final.headline.name, 1 if final.headline.higher_is_better else -1
    solved = [line["validation"][name] for line in lines if line["kind"] == "solve"]
    if not solved or lines[-1]["kind"] != "descend":
        return
    # A loss is not what it was before the temperature was folded in; the log has that one.
    reached = lines[-1]["validation"]["loss"] if name == "loss" else final.headline.value
    if better * reached < better * solved[-1]:
        training.progress.note(
            f"note: gradient descent did not improve on the solved head ({name} "
            f"{solved[-1]:.3f}, now {reached:.3f}); with little data try --recipe "
            "linear-probe or finetune-few"
        )
