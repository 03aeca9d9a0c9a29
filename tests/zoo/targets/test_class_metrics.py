import math

import pytest
import torch
from sklearn import metrics

from zoo.targets import ClassMetrics, ClassTarget

TARGET = ClassTarget(classes=("a", "b", "c", "d", "e", "f", "g"))


def random_scores(count: int = 200) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 7, (count,), generator=generator)
    logits = torch.randn(count, 7, generator=generator)
    logits[range(count), labels] += 1
    return logits, labels


def test_scores_agree_with_scikit_learn():
    logits, labels = random_scores()
    ours = TARGET.score(logits, labels)
    guesses = logits.argmax(1)
    assert ours.num_samples == 200
    assert ours.top1 == pytest.approx(metrics.accuracy_score(labels, guesses))
    assert ours.top5 == pytest.approx(metrics.top_k_accuracy_score(labels, logits, k=5))
    assert ours.macro_f1 == pytest.approx(metrics.f1_score(labels, guesses, average="macro"))
    # The loss is summed in float32.
    assert ours.loss == pytest.approx(
        metrics.log_loss(labels, logits.double().softmax(1)), rel=1e-5
    )
    assert ours.confusion_matrix == tuple(
        map(tuple, metrics.confusion_matrix(labels, guesses).tolist())
    )
    expected = metrics.precision_recall_fscore_support(labels, guesses)
    found = zip(*[(s.precision, s.recall, s.f1, s.support) for s in ours.per_class], strict=True)
    for column, values in zip(expected, found, strict=True):
        assert list(values) == pytest.approx(column.tolist())


def test_the_calibration_error_is_the_gap_between_confidence_and_accuracy():
    # Three answers of confidence 0.9, of which one is right; two of confidence 0.6, both right.
    sure, unsure = math.log(9), math.log(1.5)
    logits = torch.tensor([[sure, 0], [sure, 0], [sure, 0], [unsure, 0], [unsure, 0]])
    metrics = ClassTarget(classes=("x", "y")).score(logits, torch.tensor([0, 1, 1, 0, 0]))
    expected = 3 / 5 * (0.9 - 1 / 3) + 2 / 5 * (1 - 0.6)
    assert metrics.calibration_error == pytest.approx(expected, abs=1e-6)


def test_logits_between_zero_and_one_are_not_taken_for_probabilities():
    metrics = ClassTarget(classes=("x", "y")).score(torch.tensor([[1.0, 0.0]]), torch.tensor([0]))
    assert metrics.calibration_error == pytest.approx(1 - 1 / (1 + math.exp(-1)))


def test_rows_of_the_confusion_matrix_are_true_classes():
    logits = torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    metrics = ClassTarget(classes=("x", "y")).score(logits, torch.tensor([0, 0]))
    assert metrics.confusion_matrix == ((0, 2), (0, 0))


def test_a_class_that_never_occurs_does_not_lower_the_mean():
    logits, labels = torch.eye(3)[[0, 1]], torch.tensor([0, 1])
    metrics = ClassTarget(classes=("a", "b", "c")).score(logits, labels)
    assert metrics.macro_f1 == 1.0
    assert metrics.per_class[2].f1 == 0.0


def test_few_classes_are_all_in_the_top_five():
    metrics = ClassTarget(classes=("a", "b", "c")).score(torch.eye(3), torch.tensor([1, 2, 0]))
    assert (metrics.top1, metrics.top5) == (0.0, 1.0)


def test_rows_without_a_truth_do_not_count():
    logits, labels = random_scores()
    holes = labels.clone()
    holes[::3] = -1
    kept = holes >= 0
    assert TARGET.score(logits, holes) == TARGET.score(logits[kept], labels[kept])


@pytest.mark.parametrize("rows", [0, 2])
def test_nothing_to_score_gives_no_figures(rows):
    metrics = TARGET.score(torch.zeros(rows, 7), torch.full((rows,), -1))
    assert metrics.num_samples == 0
    figures = [metrics.loss, metrics.top1, metrics.top5, metrics.macro_f1]
    assert all(map(math.isnan, [*figures, metrics.calibration_error]))
    assert math.isnan(metrics.headline.value)


def test_a_diverged_network_can_still_be_scored():
    logits, labels = random_scores()
    logits[::2] = math.nan
    metrics = TARGET.score(logits, labels)
    assert math.isnan(metrics.loss)
    assert math.isnan(metrics.calibration_error)
    assert 0 <= metrics.top1 <= metrics.top5 <= 1


def test_huge_logits_give_a_finite_loss():
    metrics = TARGET.score(torch.eye(7) * 1e30, torch.arange(7).roll(1))
    assert metrics.loss == pytest.approx(1e30)
    assert metrics.calibration_error == 1.0


def test_half_precision_is_scored_in_float32():
    logits, labels = random_scores()
    half = logits.bfloat16()
    assert TARGET.score(half, labels) == TARGET.score(half.float(), labels)


def test_top1_is_the_headline():
    metrics: ClassMetrics = TARGET.score(*random_scores())
    headline = metrics.headline
    assert (headline.name, headline.value) == ("top-1", metrics.top1)
    assert headline.higher_is_better
