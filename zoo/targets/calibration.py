"""Probabilities that mean what they say, and thresholds to act on them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from zoo.targets.class_metrics import class_calibration_error
from zoo.targets.classes import ClassTarget
from zoo.targets.label_metrics import labels_calibration_error
from zoo.targets.labels import DEFAULT_THRESHOLD, LabelsTarget
from zoo.targets.scoring import MISSING, STRICT, Figure, keep_present

COLDEST, HOTTEST = 0.1, 100.0
"""Temperatures are kept between these."""
_ENOUGH_MISTAKES = 5
"""Fewer leave the temperature's relative standard error, about one over their root, at a half."""
_MAX_STEPS = 100
_CONVERGED = 1e-7
"""Relative step of the inverse temperature at which its search ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How much too sure a network was of one target, and what mends it."""

    __pydantic_config__ = STRICT

    temperature: float
    """What logits are divided by; above 1 if the network is too sure."""
    loss_before: Figure
    """Mean log loss of the validation data at temperature 1, nats."""
    loss_after: Figure
    """The same at `temperature`; never higher."""
    error_before: Figure
    """Expected calibration error of the validation data at temperature 1, in [0, 1]."""
    error_after: Figure
    """The same at `temperature`; usually lower, but it is not what is minimised."""
    num_samples: int
    """Validation samples of which the target is known; with none, the temperature is 1."""


def fit_temperature(
    target: ClassTarget | LabelsTarget, outputs: Tensor, truth: Tensor
) -> Calibration:
    """Find the temperature at which validation data has the lowest log loss (arXiv:1706.04599).

    Half a sample more is right, and half a one is mistaken for the likeliest other answer, as
    Jeffreys' prior has it: of data without a mistake, N samples that are all alike end at a
    confidence of (N + 1/2) / (N + 1). Without, the loss would fall until certainty, and its
    minimum would say nothing but where the search ended (Platt, 1999, smooths so, too).

    Args:
        target: Whose outputs they are; labels share one temperature.
        outputs: Logits [N, C], nats.
        truth: In the target's encoding.
    """
    logits, known = keep_present(target, outputs, truth)
    choices, chosen = _as_choices(target, logits, known)
    error = class_calibration_error if target.kind == "class" else labels_calibration_error
    before = _log_loss(choices, chosen)
    temperature = 1 / _inverse_temperature(choices, _aims(choices, chosen))
    after = _log_loss(choices / temperature, chosen)
    # Not so where there is nothing to learn from: no row, equal logits, or NaN among them.
    if not after < before:
        temperature, after = 1.0, before
    return Calibration(
        temperature=temperature,
        loss_before=before,
        loss_after=after,
        error_before=error(logits, known),
        error_after=error(logits / temperature, known),
        num_samples=len(known),
    )


def doubt_temperature(
    target: ClassTarget | LabelsTarget, outputs: Tensor, truth: Tensor
) -> str | None:
    """Say so where validation data has too few mistakes for a temperature to rest on.

    Args:
        target: Whose outputs they are.
        outputs: Logits [N, C].
        truth: In the target's encoding.
    """
    choices, chosen = _as_choices(target, *keep_present(target, outputs, truth))
    mistakes = int((choices.argmax(dim=1) != chosen).sum()) if len(chosen) else 0
    if mistakes >= _ENOUGH_MISTAKES or not len(chosen):
        return None
    what = "images" if target.kind == "class" else "answers"
    verb = "is" if mistakes == 1 else "are"
    return (
        f"{target.name}: {mistakes} of {len(chosen)} validation {what} {verb} mistaken, too few to "
        "say how sure the network may be; its temperature is a guess on the careful side"
    )


def tune_thresholds(outputs: Tensor, truth: Tensor) -> tuple[float, ...]:
    """Find for each label the threshold with the highest F1 on validation data.

    It lies halfway between the two scores that it parts. It stays 0.5 where that is as good as
    any other, or where the data cannot tell: without a positive, or without a negative.

    Args:
        outputs: Logits [N, C], nats, already divided by their temperature.
        truth: int8 [N, C] of 0 and 1, -1 where missing.
    """
    scores = outputs.detach().cpu().double().sigmoid().numpy()
    marks = truth.detach().cpu().numpy()
    return tuple(_best_threshold(scores[:, at], marks[:, at]) for at in range(marks.shape[1]))


def _as_choices(
    target: ClassTarget | LabelsTarget, logits: Tensor, truth: Tensor
) -> tuple[Tensor, Tensor]:
    """Turn every known label into a choice between two classes, 0 and 1; float64."""
    if target.kind == "class":
        return logits.double(), truth
    known = truth != MISSING
    cells = logits[known].double()
    return torch.stack([torch.zeros_like(cells), cells], dim=1), truth[known].long()


def _log_loss(logits: Tensor, labels: Tensor) -> float:
    return F.cross_entropy(logits, labels).item()


def _aims(logits: Tensor, labels: Tensor) -> Tensor:
    """The logit that each row is to have: its truth's, and a little of its likeliest rival's."""
    if not len(labels):
        return logits.new_zeros(0)
    own = logits.gather(1, labels[:, None])[:, 0]
    rival = logits.scatter(1, labels[:, None], -math.inf).amax(dim=1)
    return own + (rival - own) / (2 * (len(labels) + 1))


def _inverse_temperature(logits: Tensor, aims: Tensor) -> float:
    """Minimise the log loss, which is convex in the inverse temperature.

    Newton's method; where a step leaves the interval that holds the minimum, halve that.
    """
    low, high = 1 / HOTTEST, 1 / COLDEST
    at = 1.0
    for _ in range(_MAX_STEPS):
        slope, curvature = _derivatives(logits, aims, at)
        low, high = (at, high) if slope < 0 else (low, at)
        step = at - slope / curvature if curvature > 0 else math.nan
        step = min(max(step, 1 / HOTTEST), 1 / COLDEST)
        if not low <= step <= high:
            step = (low + high) / 2
        at, moved = step, abs(step - at)
        if moved <= _CONVERGED * at:
            break
    return at


def _derivatives(logits: Tensor, aims: Tensor, at: float) -> tuple[float, float]:
    """First and second derivative of the mean log loss by the inverse temperature."""
    probabilities = (at * logits).softmax(dim=1)
    expected = (probabilities * logits).sum(dim=1, keepdim=True)
    slope = (expected[:, 0] - aims).mean()
    curvature = (probabilities * (logits - expected).square()).sum(dim=1).mean()
    return slope.item(), curvature.item()


def _best_threshold(scores: NDArray[np.float64], marks: NDArray[np.int8]) -> float:
    """The threshold of one label; scores that are NaN say nothing."""
    known = (marks != MISSING) & ~np.isnan(scores)
    order = np.argsort(-scores[known], kind="stable")
    falling, positive = scores[known][order], marks[known][order] == 1
    if positive.all() or not positive.any():
        return DEFAULT_THRESHOLD
    last_of_equal = np.flatnonzero(np.diff(falling, append=-1.0))
    hits, guessed = np.cumsum(positive)[last_of_equal], last_of_equal + 1
    f1 = 2 * hits / (guessed + positive.sum())
    above = falling[last_of_equal]
    below = np.append(above[1:], 0.0)
    best = f1 == f1.max()
    if (best & (below <= DEFAULT_THRESHOLD) & (above > DEFAULT_THRESHOLD)).any():
        return DEFAULT_THRESHOLD
    middles = (below + above)[best] / 2
    return float(middles[np.abs(middles - DEFAULT_THRESHOLD).argmin()])
