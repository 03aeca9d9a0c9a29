from dataclasses import fields

import pytest
import torch
from sklearn.linear_model import LogisticRegression

from zoo.errors import DataError
from zoo.training.probe import fit_class_probe

SOLVED = 1e-3
"""Of logits: a gradient of 1e-5 at a strength of 0.1 leaves each weight up to 1e-4 from the
minimum, and a logit sums some tens of them."""


def blobs(count: int = 120, width: int = 20, classes: int = 3):
    generator = torch.Generator().manual_seed(0)
    truth = torch.arange(count) % classes
    centres = torch.randn(classes, width, generator=generator)
    return centres[truth] + 3 * torch.randn(count, width, generator=generator), truth


def fit(features, truth, strengths=(0.1,), classes=3, seed=0, class_weights=None):
    return fit_class_probe(
        features,
        truth,
        classes,
        strengths=strengths,
        folds=5,
        seed=seed,
        class_weights=class_weights,
    )


def log_probabilities(probe, features):
    return (features @ probe.weight.T + probe.bias).log_softmax(1)


def scikit_learns(features, truth, strength=0.1, **options):
    """scikit-learn minimises the sum of losses plus half the squared norm over C."""
    scaled = (features - features.mean(0)) / features.var(0, correction=0).mean().sqrt()
    reference = LogisticRegression(
        C=1 / (strength * len(truth)), tol=1e-8, max_iter=9999, **options
    )
    return torch.from_numpy(reference.fit(scaled, truth).predict_log_proba(scaled)).float()


def test_the_solution_is_scikit_learns():
    features, truth = blobs()
    ours = log_probabilities(fit(features, truth), features)
    torch.testing.assert_close(ours, scikit_learns(features, truth), rtol=0, atol=SOLVED)


def test_with_more_features_than_samples_the_solution_is_scikit_learns():
    features, truth = blobs(count=30, width=80)
    ours = log_probabilities(fit(features, truth), features)
    torch.testing.assert_close(ours, scikit_learns(features, truth), rtol=0, atol=SOLVED)


def test_balanced_class_weights_are_scikit_learns():
    features, truth = blobs()
    truth[truth == 1] = 0
    truth[:10] = 1
    weights = len(truth) / (3 * truth.bincount())
    ours = log_probabilities(fit(features, truth, class_weights=weights), features)
    expected = scikit_learns(features, truth, class_weight="balanced")
    torch.testing.assert_close(ours, expected, rtol=0, atol=SOLVED)


def test_only_the_ratios_of_class_weights_matter():
    features, truth = blobs()
    weights = torch.tensor([1.0, 2.0, 1.0])
    ours = log_probabilities(fit(features, truth, class_weights=weights), features)
    expected = scikit_learns(features, truth, class_weight={0: 0.75, 1: 1.5, 2: 0.75})
    torch.testing.assert_close(ours, expected, rtol=0, atol=SOLVED)


def test_the_held_out_loss_weighs_classes_as_training_does():
    """Equal weights change nothing; one class that counts for almost all decides alone."""
    features, truth = blobs()
    plain, equal = (fit(features, truth, class_weights=w) for w in (None, torch.full((3,), 4.0)))
    assert plain.held_out_loss[0.1] == pytest.approx(equal.held_out_loss[0.1], rel=1e-4)
    alone = fit(features, truth, class_weights=torch.tensor([1.0, 1e-6, 1e-6]))
    assert alone.held_out_loss[0.1] < 1e-3


def test_it_is_solved_to_convergence():
    assert fit(*blobs()).gradient <= 1e-5


def test_the_strength_with_the_lowest_held_out_loss_is_kept():
    probe = fit(*blobs(), strengths=(10.0, 0.1, 1e-4))
    assert probe.strength == min(probe.held_out_loss, key=probe.held_out_loss.get)
    assert probe.strength == 0.1


def test_the_path_ends_once_the_minimum_is_clearly_passed():
    probe = fit(*blobs(), strengths=(10.0, 1.0, 0.1, 1e-2, 1e-3, 1e-4, 1e-5))
    assert len(probe.held_out_loss) < 7
    assert list(probe.held_out_loss) == sorted(probe.held_out_loss, reverse=True)


def test_a_feature_that_is_almost_constant_in_training_stays_harmless():
    """Standardised per feature, a spread of 1e-6 would earn a weight of a million; one
    picture on which that feature wakes up would then be answered with noise."""
    features, truth = blobs()
    features[:, 0] = 1e-6 * torch.randn(len(truth), generator=torch.Generator().manual_seed(1))
    probe = fit(features, truth)
    awake = features.clone()
    awake[:, 0] = 1.0
    change = ((awake - features) @ probe.weight.T).abs().max()
    assert change < 0.01


def test_a_constant_feature_changes_nothing():
    features, truth = blobs()
    features[:, 3] = 7.0
    assert fit(features, truth).weight[:, 3].abs().max() < 1e-6


def test_a_missing_truth_is_the_sample_left_out():
    features, truth = blobs()
    known = torch.arange(len(truth)) % 4 != 0
    masked = fit(features, truth.where(known, -1), strengths=(1.0, 0.1))
    without = fit(features[known], truth[known], strengths=(1.0, 0.1))
    assert masked.held_out_loss == without.held_out_loss
    torch.testing.assert_close(masked.weight, without.weight, rtol=0, atol=0)
    torch.testing.assert_close(masked.bias, without.bias, rtol=0, atol=0)


def test_no_known_class_at_all_is_an_error():
    features, truth = blobs()
    with pytest.raises(DataError, match="none of 120 training samples"):
        fit(features, torch.full_like(truth, -1))


def test_the_order_of_samples_does_not_matter_to_the_solution():
    features, truth = blobs()
    order = torch.randperm(len(truth), generator=torch.Generator().manual_seed(3))
    ours, shuffled = fit(features, truth), fit(features[order], truth[order])
    torch.testing.assert_close(ours.weight, shuffled.weight, rtol=0, atol=SOLVED)


def test_a_class_with_one_sample_survives_the_folds():
    features, truth = blobs()
    truth[truth == 2] = 0
    truth[7] = 2
    probe = fit(features, truth, strengths=(1.0, 0.01))
    assert probe.weight.isfinite().all()
    assert probe.bias.isfinite().all()
    assert all(0 < loss < 2 for loss in probe.held_out_loss.values())


def test_a_class_without_a_sample_leaves_the_others_as_they_were():
    features, truth = blobs()
    three, four = fit(features, truth), fit(features, truth, classes=4)
    torch.testing.assert_close(four.weight[:3], three.weight, rtol=0, atol=SOLVED)
    torch.testing.assert_close(four.bias[:3], three.bias, rtol=0, atol=SOLVED)
    assert four.held_out_loss[0.1] == pytest.approx(three.held_out_loss[0.1], rel=1e-4)


def test_a_class_without_a_sample_is_as_likely_as_half_a_sample():
    """No solution exists for it: the less likely, the better, without end."""
    features, truth = blobs()
    probe = fit(features, truth, classes=4)
    odds = log_probabilities(probe, features).exp()[:, 3]
    assert probe.weight[3].abs().max() == 0
    assert (odds / (1 - odds)).sum().item() == pytest.approx(0.5, abs=1e-4)


def test_one_class_alone_is_answered_with_confidence_that_grows_with_the_samples():
    features, _ = blobs()
    probe = fit(features, torch.ones(120, dtype=torch.long), classes=2)
    odds = (probe.bias[1] - probe.bias[0]).exp().item()
    assert odds == pytest.approx(240, rel=1e-5)
    assert probe.weight.abs().max() == 0


def test_features_that_do_not_vary_leave_the_frequencies():
    _, truth = blobs()
    truth[:40] = 0
    probe = fit(torch.full((120, 20), 0.1), truth)
    expected = (truth.bincount() / 120).log().expand(120, 3)
    ours = log_probabilities(probe, torch.full((120, 20), 0.1))
    torch.testing.assert_close(ours, expected, rtol=0, atol=SOLVED)


def test_with_nothing_to_hold_out_the_strongest_is_kept():
    features, truth = blobs(count=3)
    probe = fit(features, truth, strengths=(0.1, 1.0, 0.01))
    assert probe.held_out_loss == {}
    assert probe.strength == 1.0


def test_the_seed_decides_the_folds():
    features, truth = blobs()
    losses = [fit(features, truth, (1, 0.1), seed=seed).held_out_loss for seed in (0, 0, 1)]
    assert losses[0] == losses[1]
    assert losses[0] != pytest.approx(losses[2], abs=1e-9)


def test_a_repeated_fit_is_the_same_bit_for_bit():
    first, second = (fit(*blobs(), strengths=(1.0, 0.1)) for _ in range(2))
    for field in fields(first):
        ours, again = getattr(first, field.name), getattr(second, field.name)
        assert torch.equal(ours, again) if isinstance(ours, torch.Tensor) else ours == again
