"""L3: do both score alike on labelled images, target by target?

Two programs whose outputs are within the bound of each other may score differently where an
answer is a close call, and no further. How far that is, is measured: every output is moved by
the bound towards the truth, and then away from it, and what lies between the two scores is what
a correct program may score. This asks for a metric that never falls as an output moves towards
the truth. Mean average precision is none: it moves when two equal scores part, so labels are
scored by their F1 at the thresholds that they are given at.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from export.levels import MetricLevel, TargetScore, figures_of, verdict_of
from export.outputs import blocks_of, decide
from export.programs import Candidate, Reference
from export.samples import Inputs
from export.tolerances import Tolerances
from zoo.data.dataset import Samples
from zoo.evaluation import truths_of
from zoo.targets import (
    ClassTarget,
    JointMetrics,
    LabelsTarget,
    Metrics,
    Target,
    TargetMetrics,
    ValueTarget,
)

_ROUNDING = 1e-6
"""Relative error of a metric's own float32 arithmetic."""


def compare_scores(
    targets: Sequence[Target],
    inputs: Inputs,
    reference: Reference,
    candidate: Candidate,
    tolerances: Tolerances,
    samples: Samples,
    recorded: Metrics | None,
) -> MetricLevel:
    """Score the outputs of both for labelled images.

    Args:
        targets: What the network answers.
        inputs: The labelled images, and edge inputs behind them.
        reference: PyTorch's outputs.
        candidate: ONNX Runtime's outputs.
        tolerances: How far the two may be apart; those of real images count.
        samples: The labelled images.
        recorded: What training measured on exactly these.
    """
    truths, before = truths_of(samples), _by_target(targets, recorded)
    real = inputs.samples
    found = {
        target.name: _compare_target(
            target,
            reference.float32[target.name][real],
            candidate.everything[target.name][real],
            truths[target.name],
            _bounds_of(target, tolerances),
            before.get(target.name),
        )
        for target in targets
    }
    failed = [score for score in found.values() if score.verdict == "fail"]
    return MetricLevel(**figures_of([*failed, *found.values()][0]), targets=found)


def _by_target(targets: Sequence[Target], metrics: Metrics | None) -> Mapping[str, TargetMetrics]:
    if metrics is None:
        return {}
    return metrics.targets if isinstance(metrics, JointMetrics) else {targets[0].name: metrics}


def _bounds_of(target: Target, tolerances: Tolerances) -> Tensor:
    """Spread the bounds of blocks over their outputs, float64 [K]."""
    bounds = torch.empty(target.num_outputs, dtype=torch.float64)
    for block, tolerance in zip(blocks_of(target), tolerances[target.name], strict=True):
        bounds[block] = tolerance.real.bound
    return bounds


def _compare_target(
    target: Target,
    ours: Tensor,
    theirs: Tensor,
    truth: Tensor,
    bounds: Tensor,
    recorded: TargetMetrics | None,
) -> TargetScore:
    """Compare the scores of outputs [N, K] for one target."""
    finite = bool(theirs.isfinite().all())
    metrics = target.score(ours, truth)
    name = metric_of(target)
    found = getattr(target.score(theirs, truth), name) if finite else math.nan
    before = None if recorded is None else getattr(recorded, name)
    moved = (_move(target, ours, truth, by) for by in (-bounds, bounds))
    least, most = sorted(getattr(target.score(outputs, truth), name) for outputs in moved)
    passed = finite and _is_between(least, found, most)
    known = torch.from_numpy(target.present(truth.numpy()))
    return TargetScore(
        verdict=verdict_of(passed and (before is None or _is_between(least, before, most))),
        metric=name,
        num_samples=metrics.num_samples,
        metric_torch=getattr(metrics, name),
        metric_onnx=found,
        metric_recorded=before,
        least=least,
        most=most,
        ties=int(decide(target, ours).ties(bounds.max().item())[known].sum()),
    )


def metric_of(target: Target) -> str:
    """Name the figure that both are compared by, as the target's metrics call it."""
    if isinstance(target, ValueTarget):
        return "mae" if target.num_outputs == 1 else "r2"
    return "top1" if isinstance(target, ClassTarget) else "macro_f1"


def _move(target: Target, outputs: Tensor, truth: Tensor, by: Tensor) -> Tensor:
    """Move outputs [N, K] by so much [K] towards the truth and not past it; if negative, away."""
    exact = outputs.double()
    if isinstance(target, ClassTarget):
        gap = math.inf * (2.0 * F.one_hot(truth.clamp_min(0), target.num_outputs) - 1)
    elif isinstance(target, LabelsTarget):
        gap = math.inf * (2.0 * truth - 1)
    else:
        gap = truth - exact
    return exact + torch.where(gap >= 0, 1.0, -1.0) * gap.abs().minimum(by)


def _is_between(least: float, figure: float, most: float) -> bool:
    """Tell whether a correct program may score so; where nothing can be scored, only NaN."""
    if math.isnan(least) and math.isnan(most):
        return math.isnan(figure)
    slack = _ROUNDING * max(abs(least), abs(most))
    return least - slack <= figure <= most + slack
