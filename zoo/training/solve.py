"""The phase that solves the heads on a frozen backbone's features."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from zoo.data.loading import load_prepared
from zoo.errors import UnreadableImagesError
from zoo.evaluation import truths_of
from zoo.recipes import Recipe, SolvePhase
from zoo.storage import write_bytes
from zoo.targets import ClassTarget, LabelsTarget, Target, balanced_class_weights, describe_scores
from zoo.training.context import Training
from zoo.training.probe import Probe, fit_class_probe, fit_labels_probe, fit_value_probe

_BATCH_SIZE = 64


def solve(training: Training, index: int, phase: SolvePhase) -> None:
    """Fit every head on features that are computed once.

    Raises:
        RunInterruptedError: A signal came.
    """
    samples = training.plan.dataset.train
    features = _cached_features(training, index)
    training.lap("features")
    truths = truths_of(samples)
    probes = training.processes.agree(
        lambda: {
            target.name: _fit(target, features, truths[target.name], phase, training.plan.recipe)
            for target in training.config.targets
        }
    )
    for name, probe in probes.items():
        head = training.network.heads[name]
        with torch.no_grad():
            head.last.weight.copy_(probe.weight)
            head.last.bias.copy_(probe.bias)
    training.images += len(samples)
    training.lap("solve")
    metrics = training.validate()
    strengths = ", ".join(f"{probe.strength:g}" for probe in probes.values())
    training.progress.note(
        f"head solved in {training.seconds['solve']:.1f} s (L2 strength {strengths}): "
        f"validation loss {metrics.loss:.3f}, {describe_scores(metrics)}"
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


def _fit(
    target: Target, features: Tensor, truth: Tensor, phase: SolvePhase, recipe: Recipe
) -> Probe:
    """Solve the head of one target."""
    path: dict[str, Any] = {
        "strengths": phase.strengths,
        "folds": phase.folds,
        "seed": recipe.seed,
    }
    if isinstance(target, ClassTarget):
        balanced = recipe.class_weights == "balanced"
        return fit_class_probe(
            features,
            truth,
            target.num_outputs,
            **path,
            class_weights=balanced_class_weights(target, truth) if balanced else None,
        )
    if isinstance(target, LabelsTarget):
        return fit_labels_probe(features, truth, **path)
    mean, std = (torch.tensor(part, dtype=torch.float64) for part in (target.mean, target.std))
    return fit_value_probe(features, (truth - mean) / std, **path)


def _describe(probe: Probe) -> dict[str, object]:
    return {
        "strength": probe.strength,
        "held_out_loss": {f"{key:g}": value for key, value in probe.held_out_loss.items()},
        "gradient": probe.gradient,
    }


def _cached_features(training: Training, index: int) -> Tensor:
    """Features of the training split; a resumed run finds them on disk."""
    cache = training.run.checkpoints / f"features-{index}.safetensors"
    stored = _read_features(cache) if training.processes.writes else None
    if training.processes.any(stored is not None):
        return torch.empty(0) if stored is None else stored
    features = extract_features(training)
    training.processes.agree(lambda: write_bytes(cache, save({"features": features})))
    return features


def _read_features(cache: Path) -> Tensor | None:
    """Read features that were stored, if they were."""
    with contextlib.suppress(FileNotFoundError, SafetensorError, KeyError):
        return load_file(cache)["features"]
    return None


@torch.no_grad()
def extract_features(training: Training) -> Tensor:
    """Run the body over the training split through the evaluation preprocessing.

    Each process runs over its share.

    Returns:
        Features, float32 [N, D], on the CPU of the first process; nothing in the others.

    Raises:
        RunInterruptedError: A signal came.
    """
    plan, body = training.plan, training.network.body
    training.network.place(plan.device).eval()
    samples = plan.dataset.train
    paths = [samples.path(at) for at in training.processes.share(len(samples))]
    found = [torch.empty(0, training.network.backbone.feature_dim)]
    training.progress.start("features", len(paths))
    least = len(samples) // training.processes.count
    loader = load_prepared(paths, plan.preprocess, batch_size=_BATCH_SIZE, workers=plan.workers)
    for number, batch in enumerate(loader):
        if batch.unreadable:
            raise UnreadableImagesError({paths[at]: why for at, why in batch.unreadable.items()})
        images = batch.pixel_values.to(plan.device, memory_format=torch.channels_last)
        with torch.autocast(plan.device.type, torch.bfloat16, enabled=plan.precision == "bf16"):
            found.append(body(images).float().cpu())
        training.progress.advance(len(images))
        if number * _BATCH_SIZE < least:  # every process has this batch
            training.stop_if_asked()
    training.progress.finish()
    training.stop_if_asked()
    mine = {"features": torch.cat(found)}
    everything = training.processes.collect(mine, len(samples))
    return everything.get("features", torch.empty(0))
