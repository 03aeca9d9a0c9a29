"""The phase that solves the head on a frozen backbone's features."""

from __future__ import annotations

import contextlib

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from zoo.data.dataset import labels_of
from zoo.data.loading import load_prepared
from zoo.errors import UnreadableImagesError
from zoo.recipes import SolvePhase
from zoo.storage import append_line, write_bytes
from zoo.training.context import Training
from zoo.training.probe import fit_probe

_BATCH_SIZE = 64


def solve(training: Training, index: int, phase: SolvePhase) -> None:
    """Fit the head by logistic regression on features that are computed once.

    Raises:
        RunInterruptedError: A signal came.
    """
    plan = training.plan
    features, labels = _cached_features(training, index)
    training.lap("features")
    probe = fit_probe(
        features,
        labels,
        len(plan.dataset.classes),
        strengths=phase.strengths,
        folds=phase.folds,
        seed=plan.seed,
    )
    with torch.no_grad():
        training.network.head.weight.copy_(probe.weight)
        training.network.head.bias.copy_(probe.bias)
    training.images += len(features)
    training.lap("solve")
    metrics = training.validate()
    training.progress.note(
        f"head solved in {training.seconds['solve']:.1f} s (L2 strength {probe.strength:g}): "
        f"validation loss {metrics.loss:.3f}, top-1 {metrics.top1:.3f}"
    )
    line = {
        "phase": index,
        "kind": "solve",
        "step": 0,
        "strength": probe.strength,
        "held_out_loss": {f"{key:g}": value for key, value in probe.held_out_loss.items()},
        "gradient": probe.gradient,
        "validation_top1": metrics.top1,
        "validation_loss": metrics.loss,
        "seconds": round(training.seconds["features"] + training.seconds["solve"], 3),
    }
    append_line(training.run.metrics_log, line)


def _cached_features(training: Training, index: int) -> tuple[Tensor, Tensor]:
    """Features of the training split; a resumed run finds them on disk."""
    cache = training.run.checkpoints / f"features-{index}.safetensors"
    if cache.exists():
        with contextlib.suppress(SafetensorError, KeyError):
            stored = load_file(cache)
            return stored["features"], stored["labels"]
    features, labels = extract_features(training)
    write_bytes(cache, save({"features": features, "labels": labels}))
    return features, labels


@torch.no_grad()
def extract_features(training: Training) -> tuple[Tensor, Tensor]:
    """Run the body over the training split through the evaluation preprocessing.

    Returns:
        Features, float32 [N, D], and labels, int64 [N], both on the CPU.

    Raises:
        RunInterruptedError: A signal came.
    """
    plan, body = training.plan, training.network.body
    training.network.place(plan.device).eval()
    paths = [sample.path for sample in plan.dataset.train]
    found = []
    training.progress.start("features", len(paths))
    for batch in load_prepared(
        paths, plan.preprocess, batch_size=_BATCH_SIZE, workers=plan.workers
    ):
        if batch.unreadable:
            raise UnreadableImagesError({paths[at]: why for at, why in batch.unreadable.items()})
        images = batch.pixel_values.to(plan.device, memory_format=torch.channels_last)
        with torch.autocast(plan.device.type, torch.bfloat16, enabled=plan.precision == "bf16"):
            found.append(body(images).float().cpu())
        training.progress.advance(len(images))
        training.stop_if_asked()
    training.progress.finish()
    return torch.cat(found), torch.tensor(labels_of(plan.dataset.train))
