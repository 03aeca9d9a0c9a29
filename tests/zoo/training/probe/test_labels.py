import math
from dataclasses import fields

import pytest
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression

from zoo.errors import DataError
from zoo.training.probe import fit_labels_probe

SOLVED = 1e-3
"""Of logits: a gradient of 1e-5 at a strength of 0.1 leaves each weight up to 1e-4 from the
minimum, and a logit sums some tens of them."""


def tagged(count: int = 150, width: int = 12, labels: int = 4):
    """Noisy linear labels, from rare to common."""
    generator = torch.Generator().manual_seed(0)
    features = 2 + 3 * torch.randn(count, width, generator=generator)
    slopes = torch.randn(width, labels, generator=generator) / width**0.5
    noise = torch.randn(count, labels, generator=generator)
    scores = (features - 2) @ slopes / 3 + noise + torch.linspace(-1.5, 1, labels)
    return features, (scores > 0).to(torch.int8)


def fit(features, truth, strengths=(0.1,), seed=0, positive_weights=None):
    return fit_labels_probe(
        features,
        truth,
        strengths=strengths,
        folds=5,
        seed=seed,
        positive_weights=positive_weights,
    )


def logits(probe, features):
    return features @ probe.weight.T + probe.bias


def scikit_learns(features, truth, strength=0.1):
    """One label's log-odds, at the common scale of all samples' features."""
    scaled = (features - features.mean(0)) / features.var(0, correction=0).mean().sqrt()
    known = truth >= 0
    reference = LogisticRegression(C=1 / (strength * int(known.sum())), tol=1e-8, max_iter=9999)
    reference.fit(scaled[known], truth[known])
    return torch.from_numpy(reference.decision_function(scaled)).float()


@pytest.mark.parametrize(("count", "width"), [(150, 12), (40, 90)])
def test_each_label_is_scikit_learns(count, width):
    features, truth = tagged(count, width)
    expected = torch.stack([scikit_learns(features, column) for column in truth.T], dim=1)
    ours = logits(fit(features, truth), features)
    torch.testing.assert_close(ours, expected, rtol=0, atol=SOLVED)


def test_a_missing_answer_leaves_the_sample_out_for_that_label():
    features, truth = tagged()
    truth[::3, 1] = -1
    truth[5:60, 2] = -1
    expected = torch.stack([scikit_learns(features, column) for column in truth.T], dim=1)
    ours = logits(fit(features, truth), features)
    torch.testing.assert_close(ours, expected, rtol=0, atol=SOLVED)


def weighted_optimum(features, truth, weights, strength=0.1):
    """Minimise torch's own weighted loss by L-BFGS from zero, label by label; logits."""
    scaled = ((features - features.mean(0)) / features.var(0, correction=0).mean().sqrt()).double()
    columns = []
    for column, weight in zip(truth.T, weights.double(), strict=True):
        known = column >= 0
        head = torch.zeros(features.shape[1] + 1, dtype=torch.float64, requires_grad=True)
        loss_of = torch.nn.BCEWithLogitsLoss(pos_weight=weight)
        optimizer = torch.optim.LBFGS(
            [head], max_iter=500, tolerance_grad=1e-10, line_search_fn="strong_wolfe"
        )

        def closure(head=head, known=known, column=column, loss_of=loss_of, optimizer=optimizer):
            optimizer.zero_grad()
            answers = scaled[known] @ head[:-1] + head[-1]
            loss = loss_of(answers, column[known].double())
            loss = loss + strength / 2 * head[:-1].square().sum()
            loss.backward()
            return loss

        optimizer.step(closure)
        columns.append((scaled @ head[:-1] + head[-1]).detach().float())
    return torch.stack(columns, dim=1)


def test_weighted_positives_reach_the_optimum_of_torchs_own_loss():
    features, truth = tagged()
    truth[::3, 1] = -1
    positives, negatives = ((truth == mark).sum(dim=0) for mark in (1, 0))
    weights = negatives / positives
    probe = fit(features, truth, positive_weights=weights)
    expected = weighted_optimum(features, truth, weights)
    torch.testing.assert_close(logits(probe, features), expected, rtol=0, atol=SOLVED)
    assert probe.gradient <= 1e-5
    plain = logits(fit(features, truth), features)
    assert (plain - expected).abs().max() > 0.5


def test_balanced_positives_are_answered_as_often_as_negatives():
    """The bias is not penalised: weighted errors of both sides cancel, label by label."""
    features, truth = tagged()
    weights = (truth == 0).sum(dim=0) / (truth == 1).sum(dim=0)
    scores = logits(fit(features, truth, positive_weights=weights), features).sigmoid()
    errors = ((truth == 1) * weights * (1 - scores) - (truth == 0) * scores).mean(dim=0)
    assert errors.abs().max() < 1e-4


def test_the_held_out_loss_weighs_positives_as_training_does():
    features, truth = tagged()
    plain, even = (fit(features, truth, positive_weights=w) for w in (None, torch.ones(4)))
    assert plain.held_out_loss == even.held_out_loss
    heavy = fit(features, truth, positive_weights=torch.full((4,), 50.0))
    assert heavy.held_out_loss[0.1] > 2 * plain.held_out_loss[0.1]


def test_a_sample_without_any_answer_is_left_out():
    features, truth = tagged()
    known = torch.arange(len(truth)) % 4 != 0
    masked = fit(features, truth.where(known[:, None], -1), strengths=(1.0, 0.1))
    without = fit(features[known], truth[known], strengths=(1.0, 0.1))
    assert masked.held_out_loss == without.held_out_loss
    torch.testing.assert_close(masked.weight, without.weight, rtol=0, atol=0)


def test_no_known_answer_at_all_is_an_error():
    features, truth = tagged()
    with pytest.raises(DataError, match="none of 150 training samples"):
        fit(features, torch.full_like(truth, -1))


def test_it_is_solved_to_convergence():
    assert fit(*tagged()).gradient <= 1e-5


def test_the_strength_with_the_lowest_held_out_loss_is_kept():
    probe = fit(*tagged(), strengths=(10.0, 0.1, 1e-4))
    assert probe.strength == min(probe.held_out_loss, key=probe.held_out_loss.get)
    assert probe.strength == 0.1


def test_the_held_out_loss_is_what_unseen_samples_cost():
    features, truth = tagged(count=4000)
    probe = fit(features[:2000], truth[:2000])
    unseen = F.binary_cross_entropy_with_logits(
        logits(probe, features[2000:]), truth[2000:].float()
    )
    # 8,000 answers with losses that spread by about 0.5 leave 0.006 of sampling error a side.
    assert probe.held_out_loss[0.1] == pytest.approx(unseen.item(), abs=0.03)


@pytest.mark.parametrize(("answer", "odds"), [(0, 0.5 / 150.5), (1, 150.5 / 0.5)])
def test_a_constant_label_answers_with_its_smoothed_frequency(answer, odds):
    features, truth = tagged()
    truth[:, 2] = answer
    probe = fit(features, truth, strengths=(0.1, 1e-4))
    assert probe.weight[2].abs().max() == 0
    assert probe.bias[2].item() == pytest.approx(math.log(odds), abs=1e-6)
    assert all(0 < loss < 1 for loss in probe.held_out_loss.values())


def test_a_label_that_nobody_answered_is_even():
    features, truth = tagged()
    truth[:, 2] = -1
    probe = fit(features, truth)
    assert probe.weight[2].abs().max() == 0
    assert probe.bias[2] == 0


def test_a_missing_answer_costs_nothing_when_held_out():
    features, truth = tagged()
    unanswered = torch.cat([truth, torch.full((150, 3), -1, dtype=torch.int8)], dim=1)
    ours, alone = fit(features, unanswered), fit(features, truth)
    assert ours.held_out_loss[0.1] == pytest.approx(alone.held_out_loss[0.1], rel=1e-4)


def test_a_constant_label_leaves_the_others_as_they_were():
    features, truth = tagged()
    constant = torch.cat([truth, torch.zeros(150, 1, dtype=torch.int8)], dim=1)
    ours, alone = fit(features, constant), fit(features, truth)
    torch.testing.assert_close(ours.weight[:4], alone.weight, rtol=0, atol=SOLVED)


def test_a_label_with_one_positive_survives_the_folds():
    """Where that one is held out, the label is constant in training."""
    features, truth = tagged()
    truth[:, 0] = 0
    truth[17, 0] = 1
    probe = fit(features, truth, strengths=(1.0, 0.1))
    assert probe.weight.isfinite().all()
    assert probe.bias.isfinite().all()
    assert all(0 < loss < 1 for loss in probe.held_out_loss.values())


def test_the_order_of_labels_does_not_matter():
    features, truth = tagged()
    order = torch.tensor([2, 0, 3, 1])
    ours, shuffled = fit(features, truth), fit(features, truth[:, order])
    torch.testing.assert_close(ours.weight[order], shuffled.weight, rtol=0, atol=SOLVED)


def test_the_order_of_samples_does_not_matter_to_the_solution():
    features, truth = tagged()
    order = torch.randperm(len(truth), generator=torch.Generator().manual_seed(3))
    ours, shuffled = fit(features, truth), fit(features[order], truth[order])
    torch.testing.assert_close(ours.weight, shuffled.weight, rtol=0, atol=SOLVED)


def test_the_seed_decides_the_folds():
    features, truth = tagged()
    losses = [fit(features, truth, (1, 0.1), seed).held_out_loss for seed in (0, 0, 1)]
    assert losses[0] == losses[1]
    assert losses[0] != pytest.approx(losses[2], abs=1e-9)


def test_a_repeated_fit_is_the_same_bit_for_bit():
    first, second = (fit(*tagged(), strengths=(1.0, 0.1)) for _ in range(2))
    for field in fields(first):
        ours, again = getattr(first, field.name), getattr(second, field.name)
        assert torch.equal(ours, again) if isinstance(ours, torch.Tensor) else ours == again
