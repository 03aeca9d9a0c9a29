import math

import numpy as np
import pytest
import torch
from sklearn import metrics

from zoo.targets import ValueTarget

PRICE = ValueTarget(name="price", columns=("price",), mean=(10.0,), std=(2.0,))
SIZE = ValueTarget(name="size", columns=("w", "h"), mean=(0.0, 0.0), std=(1.0, 10.0))


def random_scores(columns: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    truth = torch.randn(100, columns, generator=generator, dtype=torch.float64) * 5
    return (truth + torch.randn(100, columns, generator=generator)).float(), truth


def test_scores_of_one_value_agree_with_scikit_learn():
    outputs, truth = random_scores(1)
    ours = PRICE.score(outputs, truth)
    assert ours.mae == pytest.approx(metrics.mean_absolute_error(truth, outputs))
    assert ours.rmse == pytest.approx(metrics.root_mean_squared_error(truth, outputs))
    assert ours.r2 == pytest.approx(metrics.r2_score(truth, outputs))
    assert ours.loss == pytest.approx(metrics.mean_squared_error(truth, outputs) / 2.0**2)
    assert (ours.headline.name, ours.headline.value) == ("MAE", ours.mae)
    assert not ours.headline.higher_is_better


def test_several_values_are_scored_one_by_one():
    outputs, truth = random_scores(2)
    ours = SIZE.score(outputs, truth)
    expected = metrics.r2_score(truth, outputs, multioutput="raw_values")
    assert [score.r2 for score in ours.per_value] == pytest.approx(list(expected))
    assert (ours.headline.name, ours.headline.value) == ("R²", pytest.approx(expected.mean()))
    assert ours.headline.higher_is_better
    assert (ours.mae, ours.rmse) == (None, None)
    assert ours.loss == pytest.approx(
        metrics.mean_squared_error(truth / torch.tensor([1, 10]), outputs / torch.tensor([1, 10]))
    )


def test_each_value_is_scored_over_the_samples_of_which_it_is_known():
    outputs, truth = random_scores(2)
    truth[::3, 0] = math.nan
    truth[::4, 1] = math.nan
    ours = SIZE.score(outputs, truth)
    assert ours.num_samples == int(np.logical_or(*~np.isnan(truth.numpy()).T).sum())
    for at, score in enumerate(ours.per_value):
        known = ~truth[:, at].isnan()
        assert score.support == known.sum()
        assert score.mae == pytest.approx(
            metrics.mean_absolute_error(truth[known, at], outputs[known, at])
        )


def test_variance_in_small_units_is_variance():
    outputs, truth = random_scores(1)
    small = PRICE.score(outputs * 1e-6, truth * 1e-6)
    # The scaled outputs are rounded to float32 once more.
    assert small.r2 == pytest.approx(PRICE.score(outputs, truth).r2, abs=1e-6)


def test_of_a_constant_nothing_is_explained():
    ours = PRICE.score(torch.tensor([[1.0], [2.0]]), torch.tensor([[3.0], [3.0]]))
    assert math.isnan(ours.r2)
    assert ours.mae == 1.5


@pytest.mark.parametrize("target", [PRICE, SIZE])
@pytest.mark.parametrize("rows", [0, 2])
def test_nothing_to_score_gives_no_figures(target, rows):
    columns = target.num_outputs
    truth = torch.full((rows, columns), math.nan, dtype=torch.float64)
    ours = target.score(torch.zeros(rows, columns), truth)
    assert ours.num_samples == 0
    assert math.isnan(ours.loss)
    assert math.isnan(ours.headline.value)


def test_a_diverged_network_can_still_be_scored():
    ours = PRICE.score(torch.tensor([[math.nan], [1.0]]), torch.tensor([[1.0], [2.0]]))
    assert math.isnan(ours.loss)
    assert math.isnan(ours.headline.value)
    assert ours.num_samples == 2
