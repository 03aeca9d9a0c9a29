import pytest
import torch
from sklearn.linear_model import LogisticRegression

from zoo.training.probe import fit_probe


def blobs(count: int = 120, width: int = 20, classes: int = 3):
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % classes
    centres = torch.randn(classes, width, generator=generator)
    return centres[labels] + 3 * torch.randn(count, width, generator=generator), labels


def fit(features, labels, strengths=(0.1,), classes=3):
    return fit_probe(features, labels, classes, strengths=strengths, folds=5, seed=0)


def logits(probe, features):
    return features @ probe.weight.T + probe.bias


def test_the_solution_is_scikit_learns():
    """scikit-learn minimises the sum of losses plus half the squared norm over C."""
    features, labels = blobs()
    scaled = (features - features.mean(0)) / features.var(0, correction=0).mean().sqrt()
    reference = LogisticRegression(C=1 / (0.1 * len(labels)), tol=1e-8, max_iter=10_000)
    expected = reference.fit(scaled, labels).predict_log_proba(scaled)
    ours = logits(fit(features, labels), features).log_softmax(1)
    torch.testing.assert_close(ours, torch.from_numpy(expected).float(), rtol=0, atol=5e-4)


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
    features, labels = blobs()
    features[:, 0] = 1e-6 * torch.randn(len(labels), generator=torch.Generator().manual_seed(1))
    probe = fit(features, labels)
    awake = features.clone()
    awake[:, 0] = 1.0
    change = (logits(probe, awake) - logits(probe, features)).abs().max()
    assert change < 0.01


def test_a_constant_feature_changes_nothing():
    features, labels = blobs()
    features[:, 3] = 7.0
    assert fit(features, labels).weight[:, 3].abs().max() < 1e-6


def test_a_class_with_one_sample_survives_the_folds():
    features, labels = blobs()
    labels[labels == 2] = 0
    labels[7] = 2
    probe = fit(features, labels, strengths=(1.0, 0.01))
    assert probe.weight.isfinite().all()


def test_the_seed_decides_the_folds():
    features, labels = blobs()
    losses = [
        fit_probe(features, labels, 3, strengths=(1, 0.1), folds=5, seed=seed).held_out_loss
        for seed in (0, 0, 1)
    ]
    assert losses[0] == losses[1]
    assert losses[0] != pytest.approx(losses[2], abs=1e-9)
