import math

import pytest
import torch
from sklearn import metrics

from zoo.targets.classes import classification_loss, score_classes

NAMES = ("a", "b", "c", "d", "e", "f", "g")


def random_scores(count: int = 200) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 7, (count,), generator=generator)
    logits = torch.randn(count, 7, generator=generator)
    logits[range(count), labels] += 1
    return logits, labels


def test_scores_agree_with_scikit_learn():
    logits, labels = random_scores()
    ours = score_classes(logits, labels, NAMES)
    guesses = logits.argmax(1)
    assert ours.top1 == pytest.approx(metrics.accuracy_score(labels, guesses))
    assert ours.top5 == pytest.approx(metrics.top_k_accuracy_score(labels, logits, k=5))
    assert ours.macro_f1 == pytest.approx(metrics.f1_score(labels, guesses, average="macro"))
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


def test_rows_of_the_confusion_matrix_are_true_classes():
    logits = torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    assert score_classes(logits, torch.tensor([0, 0]), ("x", "y")).confusion_matrix == (
        (0, 2),
        (0, 0),
    )


def test_few_classes_are_all_in_the_top_five():
    logits = torch.eye(3)
    assert score_classes(logits, torch.tensor([1, 2, 0]), ("a", "b", "c")).top5 == 1.0


def test_smoothing_mixes_in_the_uniform_distribution():
    logits = torch.tensor([[2.0, 0.0]])
    label = torch.tensor([0])
    sure, other = (-logits.log_softmax(1)[0]).tolist()
    assert classification_loss(logits, label, 0.2).item() == pytest.approx(0.9 * sure + 0.1 * other)


def test_the_loss_is_computed_in_float32():
    logits = torch.tensor([[20.0, 0.0]], dtype=torch.bfloat16)
    loss = classification_loss(logits, torch.tensor([1]))
    assert loss.dtype == torch.float32
    assert math.isclose(loss.item(), 20.0, rel_tol=1e-6)
