from dataclasses import fields

import pytest
import torch
from sklearn.linear_model import Ridge as SklearnRidge

from zoo.errors import DataError
from zoo.training.probe import fit_value_probe

ROUNDING = 1e-5
"""The solution is exact in float64; what is left is that of float32 weights and products."""


def measured(count: int = 120, width: int = 15, columns: int = 2):
    """Noisy linear values, standardised."""
    generator = torch.Generator().manual_seed(0)
    features = 2 + 3 * torch.randn(count, width, generator=generator)
    slopes = torch.randn(width, columns, generator=generator) / width**0.5
    truth = features @ slopes / 3 + torch.randn(count, columns, generator=generator)
    return features, (truth - truth.mean(0)) / truth.std(0, correction=0)


def fit(features, truth, strengths=(0.1,), seed=0):
    return fit_value_probe(features, truth, strengths=strengths, folds=5, seed=seed)


def answers(probe, features):
    return features @ probe.weight.T + probe.bias


def scikit_learns(features, truth, strength=0.1):
    """scikit-learn minimises the sum of squared errors plus alpha times the squared norm."""
    known = ~truth.isnan()
    seen = features[known]
    scale = seen.var(0, correction=0).mean().sqrt()
    reference = SklearnRidge(alpha=strength * len(seen), solver="svd")
    reference.fit((seen / scale).double(), truth[known].double())
    return torch.from_numpy(reference.predict((features / scale).double())).float()


@pytest.mark.parametrize(("count", "width"), [(120, 15), (30, 80), (40, 40)])
@pytest.mark.parametrize("strength", [1.0, 1e-2, 1e-5])
def test_each_column_is_scikit_learns(count, width, strength):
    features, truth = measured(count, width)
    expected = [scikit_learns(features, column, strength) for column in truth.T]
    ours = answers(fit(features, truth, [strength]), features)
    torch.testing.assert_close(ours, torch.stack(expected, dim=1), rtol=0, atol=ROUNDING)


def test_a_missing_value_leaves_the_sample_out_for_that_column():
    features, truth = measured(columns=3)
    truth[::3, 1] = torch.nan
    truth[5:60, 2] = torch.nan
    expected = torch.stack([scikit_learns(features, column) for column in truth.T], dim=1)
    ours = answers(fit(features, truth), features)
    torch.testing.assert_close(ours, expected, rtol=0, atol=ROUNDING)


def test_a_sample_without_any_value_is_left_out():
    features, truth = measured()
    known = torch.arange(len(truth)) % 4 != 0
    masked = fit(features, truth.where(known[:, None], torch.nan), strengths=(1.0, 0.1))
    without = fit(features[known], truth[known], strengths=(1.0, 0.1))
    assert masked.held_out_loss == without.held_out_loss
    torch.testing.assert_close(masked.weight, without.weight, rtol=0, atol=0)


def test_no_known_value_at_all_is_an_error():
    features, truth = measured()
    with pytest.raises(DataError, match="none of 120 training samples"):
        fit(features, torch.full_like(truth, torch.nan))


@pytest.mark.parametrize(("count", "width"), [(120, 15), (30, 80)])
def test_the_gradient_is_rounding(count, width):
    assert fit(*measured(count, width)).gradient < 1e-12


def test_the_strength_with_the_lowest_held_out_loss_is_kept():
    probe = fit(*measured(count=40), strengths=(30.0, 0.3, 1e-4))
    assert probe.strength == min(probe.held_out_loss, key=probe.held_out_loss.get)
    assert probe.strength == 0.3


def test_the_held_out_loss_is_the_squared_error_on_unseen_samples():
    features, truth = measured(count=4000)
    probe = fit(features[:2000], truth[:2000])
    unseen = (answers(probe, features[2000:]) - truth[2000:]).square().mean()
    # 4,000 squared errors of about 0.5 that spread by 0.7 leave 0.011 of sampling error a side.
    assert probe.held_out_loss[0.1] == pytest.approx(unseen.item(), abs=0.05)


def test_a_missing_value_costs_nothing_when_held_out():
    """Two in three values of a copied column are missing; the rest are no harder to answer."""
    features, truth = measured(count=600, columns=1)
    copy = truth.where(torch.arange(600)[:, None] % 3 == 0, torch.nan)
    both, alone = fit(features, torch.cat([truth, copy], dim=1)), fit(features, truth)
    # 200 squared errors that spread by 1.4 times their mean leave a tenth of it.
    assert both.held_out_loss[0.1] == pytest.approx(alone.held_out_loss[0.1], rel=0.15)


def test_answering_with_the_mean_has_a_held_out_loss_of_one():
    features, truth = measured()
    # A fold's mean is off by up to a few hundredths of the spread.
    assert fit(features, truth, [1e6]).held_out_loss[1e6] == pytest.approx(1.0, abs=0.05)


def test_a_constant_column_is_answered_with_its_value():
    features, truth = measured()
    truth[:, 1] = 0.75
    probe = fit(features, truth)
    assert probe.weight[1].abs().max() == 0
    assert probe.bias[1] == 0.75


def test_a_column_that_nobody_measured_is_answered_with_the_mean():
    features, truth = measured()
    truth[:, 1] = torch.nan
    probe = fit(features, truth)
    assert probe.weight[1].abs().max() == 0
    assert probe.bias[1] == 0
    alone = fit(features, truth[:, :1])
    torch.testing.assert_close(probe.weight[:1], alone.weight, rtol=0, atol=1e-7)
    assert probe.held_out_loss[0.1] == pytest.approx(alone.held_out_loss[0.1], rel=1e-9)


def test_a_column_with_one_value_survives_the_folds():
    features, truth = measured()
    truth[:, 1] = torch.nan
    truth[9, 1] = 0.75
    probe = fit(features, truth, strengths=(1.0, 0.1))
    assert probe.weight[1].abs().max() == 0
    assert probe.bias[1] == 0.75
    assert all(0 < loss < 2 for loss in probe.held_out_loss.values())


def test_a_constant_feature_changes_nothing():
    features, truth = measured()
    features[:, 3] = 7.0
    assert fit(features, truth).weight[:, 3].abs().max() < 1e-12


def test_the_order_of_columns_does_not_matter():
    features, truth = measured(columns=3)
    order = torch.tensor([2, 0, 1])
    ours, shuffled = fit(features, truth), fit(features, truth[:, order])
    torch.testing.assert_close(ours.weight[order], shuffled.weight, rtol=0, atol=1e-7)


def test_the_order_of_samples_does_not_matter_to_the_solution():
    features, truth = measured()
    order = torch.randperm(len(truth), generator=torch.Generator().manual_seed(3))
    ours, shuffled = fit(features, truth), fit(features[order], truth[order])
    torch.testing.assert_close(ours.weight, shuffled.weight, rtol=0, atol=1e-7)


def test_with_nothing_to_hold_out_the_strongest_is_kept():
    features, truth = measured(count=1)
    probe = fit(features, torch.full_like(truth, 0.5), strengths=(0.1, 1.0, 0.01))
    assert probe.held_out_loss == {}
    assert probe.strength == 1.0
    assert probe.bias.tolist() == [0.5, 0.5]


def test_the_seed_decides_the_folds():
    features, truth = measured()
    losses = [fit(features, truth, (1, 0.1), seed).held_out_loss for seed in (0, 0, 1)]
    assert losses[0] == losses[1]
    assert losses[0] != pytest.approx(losses[2], abs=1e-9)


def test_a_repeated_fit_is_the_same_bit_for_bit():
    first, second = (fit(*measured(), strengths=(1.0, 0.1)) for _ in range(2))
    for field in fields(first):
        ours, again = getattr(first, field.name), getattr(second, field.name)
        assert torch.equal(ours, again) if isinstance(ours, torch.Tensor) else ours == again
