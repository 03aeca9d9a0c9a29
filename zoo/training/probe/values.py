"""Ridge regression: numbers for every sample."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.training.probe.blocks import read_blocks
from zoo.training.probe.folds import deal, find_known, strata_of_values
from zoo.training.probe.objective import Head
from zoo.training.probe.result import Probe, best_strength
from zoo.training.probe.ridge import Ridge
from zoo.training.probe.scaling import Scaling
from zoo.training.probe.sums import Sums


def fit_value_probe(
    features: Tensor,
    truth_standardised: Tensor,
    *,
    strengths: Sequence[float],
    folds: int,
    seed: int,
    units: Tensor | None = None,
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
        units: int64 [N]; samples of one number stay in one part.

    Returns:
        A head that answers in standardised units, so that a held-out loss of 1 is what the
        mean would earn; a column without any known value is answered with its mean.

    Raises:
        DataError: No value is known.
    """
    truth = truth_standardised.double()
    rows = find_known(~truth.isnan().all(dim=1))
    parts = list(deal(rows, strata_of_values(truth[rows], folds), folds, seed, units))
    problems = list(_problems(features, truth))
    held_out = _cross_validate(problems, parts, strengths)
    best = best_strength(held_out, strengths)
    weight = torch.zeros(truth.shape[1], features.shape[1], dtype=torch.float64)
    bias = weight.new_zeros(truth.shape[1])
    gradient = 0.0
    for problem in problems:
        ridge = problem.pose()
        head = ridge.solve(best)
        slope = ridge.gradient(best, head, features, problem.truth, problem.rows)
        gradient = max(gradient, slope)
        weight[problem.columns], bias[problem.columns] = head
    return Probe(
        weight=weight.float(),
        bias=bias.float(),
        strength=best,
        held_out_loss=held_out,
        gradient=gradient,
    )


@dataclass(slots=True, kw_only=True, eq=False)
class _Problem:
    """All columns that miss the same samples."""

    features: Tensor
    truth: Tensor
    """[N, columns]; NaN where missing."""
    columns: Tensor
    known: Tensor
    """bool [N]."""
    sums: Sums | None = None
    """Over all known samples, once they were needed."""

    @property
    def rows(self) -> Tensor:
        """Those that are known."""
        return self.known.nonzero().squeeze(1)

    def pose(self, test: Tensor | None = None) -> Ridge:
        """Pose the problem of all known samples, or of those that are not held out.

        Args:
            test: Known rows.
        """
        train = self.known
        if test is not None:
            train = train.index_fill(0, test, value=False)
        rows = train.nonzero().squeeze(1)
        if len(rows) < self.features.shape[1]:
            return Ridge.of_few(self.features, self.truth, rows)
        sums = self._add_up()
        if test is not None:
            held_out = Sums.of(self.features, self.truth, test, sums.origin, sums.level)
            sums = sums.without(held_out)
        return Ridge.of_many(sums, Scaling.of(self.features, rows))

    def _add_up(self) -> Sums:
        if self.sums is None:
            origin = Scaling.of(self.features, self.rows).mean
            level = self.truth[self.rows].mean(dim=0)
            self.sums = Sums.of(self.features, self.truth, self.rows, origin, level)
        return self.sums

    def squared_errors(self, heads: Sequence[Head], test: Tensor) -> list[float]:
        """Sum each head's squared errors over known rows."""
        weights, biases = (torch.cat(parts) for parts in zip(*heads, strict=True))
        total = weights.new_zeros(len(heads))
        for block, rows in read_blocks(self.features, test):
            predicted = (block.double() @ weights.T + biases).view(len(rows), len(heads), -1)
            total += (predicted - self.truth[rows][:, None]).square().sum(dim=(0, 2))
        found: list[float] = total.tolist()
        return found


def _problems(features: Tensor, truth: Tensor) -> Iterator[_Problem]:
    """Part the columns by which samples they miss; one that misses all is no problem."""
    patterns, pattern_of = (~truth.isnan()).T.unique(dim=0, return_inverse=True)
    for number, known in enumerate(patterns):
        columns = (pattern_of == number).nonzero().squeeze(1)
        if known.any():
            yield _Problem(features=features, truth=truth[:, columns], columns=columns, known=known)


def _cross_validate(
    problems: Sequence[_Problem],
    parts: Sequence[tuple[Tensor, Tensor]],
    strengths: Sequence[float],
) -> dict[float, float]:
    """Measure the mean held-out squared error by strength, fold by fold."""
    totals = dict.fromkeys(sorted(strengths, reverse=True), 0.0)
    count = 0
    for problem in problems:
        for train, test in parts:
            unseen = test[problem.known[test]]
            if not problem.known[train].any() or not len(unseen):
                continue
            ridge = problem.pose(unseen)
            heads = [ridge.solve(strength) for strength in totals]
            for strength, loss in zip(totals, problem.squared_errors(heads, unseen), strict=True):
                totals[strength] += loss
            count += len(unseen) * len(problem.columns)
    return {strength: total / count for strength, total in totals.items()} if count else {}
