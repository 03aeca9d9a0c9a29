"""Ridge regression: numbers for every sample."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch.nn.functional as F
from torch import Tensor

from zoo.training.probe.folds import deal, keep, strata_of_values
from zoo.training.probe.result import Probe, best_strength
from zoo.training.probe.ridge import Ridge


def fit_value_probe(
    features: Tensor,
    truth_standardised: Tensor,
    *,
    strengths: Sequence[float],
    folds: int,
    seed: int,
) -> Probe:
    """Choose the L2 strength by cross-validated squared error, then solve on everything.

    The objective is half the mean squared error of each column plus half the strength times
    the squared norm of its weights. One strength serves all columns.

    Args:
        features: float32 [N, D].
        truth_standardised: float [N, V], each column of mean 0 and standard deviation 1;
            NaN = missing: the sample is left out for that column.
        strengths: Candidates, above 0.
        folds: Parts of the cross-validation, each dealt the whole range of values.
        seed: Of the parts.

    Returns:
        A head that answers in standardised units, so that a held-out loss of 1 is what the
        mean would earn; a column without any known value is answered with its mean.

    Raises:
        DataError: No value is known.
    """
    truth = truth_standardised.double()
    features, truth = keep(features.double(), truth, ~truth.isnan().all(dim=1))
    held_out = _cross_validate(features, truth, strengths, folds, seed)
    best = best_strength(held_out, strengths)
    weight = features.new_zeros(truth.shape[1], features.shape[1])
    bias = features.new_zeros(truth.shape[1])
    gradient = 0.0
    for columns, ridge in _ridges(features, truth):
        head = ridge.solve(best)
        gradient = max(gradient, ridge.gradient(best, head))
        weight[columns], bias[columns] = ridge.scaling.fold(*head)
    return Probe(
        weight=weight.float(),
        bias=bias.float(),
        strength=best,
        held_out_loss=held_out,
        gradient=gradient,
    )


def _ridges(features: Tensor, truth: Tensor) -> Iterator[tuple[Tensor, Ridge]]:
    """Pose one problem for all columns that miss the same samples, with the columns' indices."""
    patterns, pattern_of = (~truth.isnan()).T.unique(dim=0, return_inverse=True)
    for number, known in enumerate(patterns):
        columns = (pattern_of == number).nonzero().squeeze(1)
        if known.any():
            yield columns, Ridge.of(features[known], truth[known][:, columns])


def _cross_validate(
    features: Tensor, truth: Tensor, strengths: Sequence[float], folds: int, seed: int
) -> dict[float, float]:
    """Measure the mean held-out squared error by strength, fold by fold."""
    totals = dict.fromkeys(sorted(strengths, reverse=True), 0.0)
    count = 0
    for train, test in deal(strata_of_values(truth, folds), folds, seed):
        for columns, ridge in _ridges(features[train], truth[train]):
            unseen, answers = ridge.scaling.apply(features[test]), truth[test][:, columns]
            count += int((~answers.isnan()).sum())
            for strength in totals:
                predicted = F.linear(unseen, *ridge.solve(strength))
                totals[strength] += (predicted - answers).square().nansum().item()
    return {strength: total / count for strength, total in totals.items()} if count else {}
