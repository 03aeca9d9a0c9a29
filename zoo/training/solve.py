"""The phase that solves the heads on a frozen backbone's features."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from zoo.data.split import find_units
from zoo.evaluation import truths_of
from zoo.recipes import Recipe, SolvePhase
from zoo.targets import (
    LabelsTarget,
    Target,
    ValueTarget,
    balanced_class_weights,
    describe_scores,
    say_figure,
)
from zoo.training.context import Training
from zoo.training.features import cached_features
from zoo.training.probe import Probe, fit_class_probe, fit_labels_probe, fit_value_probe


def solve(training: Training, index: int, phase: SolvePhase) -> None:
    """Fit every head on features that are computed once.

    Raises:
        RunInterruptedError: A signal came.
    """
    samples = training.plan.dataset.train
    features = cached_features(training, index)
    training.lap("features")
    probes = training.processes.agree(lambda: _fit_all(training, features, phase))
    for name, probe in probes.items():
        head = training.network.heads[name]
        with torch.no_grad():
            head.last.weight.copy_(probe.weight)
            head.last.bias.copy_(probe.bias)
    training.images += len(samples)
    training.lap("solve")
    metrics = training.validate(last=index + 1 == len(training.plan.recipe.phases))
    strengths = ", ".join(f"{probe.strength:g}" for probe in probes.values())
    training.progress.note(
        f"head solved in {training.seconds['solve']:.1f} s (L2 strength {strengths}): "
        f"validation loss {say_figure(metrics.loss)}, {describe_scores(metrics)}"
    )
    training.log(
        {
            "phase": index,
            "kind": "solve",
            "step": 0,
            "targets": {name: _describe(probe) for name, probe in probes.items()},
            "validation": {metrics.headline.name: metrics.headline.value, "loss": metrics.loss},
            "seconds": round(training.seconds["features"] + training.seconds["solve"], 3),
        }
    )


def _fit_all(training: Training, features: Tensor, phase: SolvePhase) -> dict[str, Probe]:
    """Solve the head of every target; what the splitter keeps together, folds do too."""
    samples, recipe = training.plan.dataset.train, training.plan.recipe
    truths, units = truths_of(samples), torch.from_numpy(find_units(samples, recipe.seed))
    return {
        target.name: _fit(target, features, truths[target.name], units, phase, recipe)
        for target in training.config.targets
    }


def _fit(
    target: Target,
    features: Tensor,
    truth: Tensor,
    units: Tensor,
    phase: SolvePhase,
    recipe: Recipe,
) -> Probe:
    """Solve the head of one target."""
    path: dict[str, Any] = {
        "strengths": phase.strengths,
        "folds": phase.folds,
        "seed": recipe.seed,
        "units": units,
    }
    if not isinstance(target, ValueTarget):
        balanced = recipe.class_weights == "balanced"
        weights = balanced_class_weights(target, truth) if balanced else None
        if isinstance(target, LabelsTarget):
            return fit_labels_probe(features, truth, **path, positive_weights=weights)
        count = target.num_outputs
        return fit_class_probe(features, truth, count, **path, class_weights=weights)
    mean, std = (torch.tensor(part, dtype=torch.float64) for part in (target.mean, target.std))
    return fit_value_probe(features, (truth - mean) / std, **path)


def _describe(probe: Probe) -> dict[str, object]:
    return {
        "strength": probe.strength,
        "held_out_loss": {f"{key:g}": value for key, value in probe.held_out_loss.items()},
        "gradient": probe.gradient,
    }
