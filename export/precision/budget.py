"""The accuracy budget: how many points of its own metric each target loses to fewer bits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from torch import Tensor

from export.precision.answers import agreement
from export.precision.report import TargetChange
from export.same_scores import metric_of
from zoo.evaluation import Outputs
from zoo.targets import Target, ValueTarget

POINTS = 100.0
"""Points in a whole, or in one standard deviation of a value."""
_DIGITS = 6
"""Decimals of a drop: two of 400 images are half a point, and not 4e-16 more."""


def compare_answers(
    targets: Sequence[Target],
    truths: Mapping[str, Tensor],
    reference: Outputs,
    found: Outputs,
    max_drop: float,
) -> dict[str, TargetChange]:
    """Score both on validation images, target by target.

    Args:
        targets: What the network answers.
        truths: What is known of the images.
        reference: Float32's answers to them.
        found: Those in fewer bits.
        max_drop: Points that each target may lose.
    """
    return {
        target.name: _compare(
            target,
            truths[target.name],
            reference[target.name],
            found[target.name],
            max_drop,
        )
        for target in targets
    }


def _compare(
    target: Target, truth: Tensor, reference: Tensor, found: Tensor, max_drop: float
) -> TargetChange:
    name = metric_of(target)
    before = target.score(reference, truth)
    finite = bool(found.isfinite().all())
    scored = getattr(target.score(found, truth), name) if finite else math.nan
    drop = _drop(target, getattr(before, name), scored)
    return TargetChange(
        verdict="kept" if drop <= max_drop else "refused",
        kind=target.kind,
        metric=name,
        num_images=int(target.present(truth.numpy()).sum()),
        metric_float32=getattr(before, name),
        metric_variant=scored,
        drop=drop,
        agreement=agreement(target, reference, found),
        max_abs_difference=(found.double() - reference.double()).abs().max().item(),
    )


def _drop(target: Target, before: float, after: float) -> float:
    """Count the points that are lost; NaN, which no budget allows, where there is no score.

    An error has no whole to be a hundredth of, and a rise of a hundredth is nothing where the
    error is small; so a point of it is a hundredth of the value's standard deviation in training.
    """
    lost = before - after
    if isinstance(target, ValueTarget) and target.num_outputs == 1:
        lost = (after - before) / target.std[0]
    return round(POINTS * lost, _DIGITS)


def excess_of(changes: Mapping[str, TargetChange], *, finite: bool) -> float:
    """Tell the most points that a target loses, to compare attempts by; infinite where unknown."""
    drops = [change.drop for change in changes.values()]
    return max(drops) if finite and all(map(math.isfinite, drops)) else math.inf
