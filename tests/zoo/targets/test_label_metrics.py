import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn import metrics

from zoo.targets import LabelsTarget

TARGET = LabelsTarget(name="tags", classes=("a", "b", "c", "d"), thresholds=(0.5, 0.3, 0.6, 0.5))


def random_scores(count: int = 200) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    marks = (torch.rand(count, 4, generator=generator) < 0.3).to(torch.int8)
    return torch.randn(count, 4, generator=generator) + marks, marks


def test_scores_agree_with_scikit_learn():
    logits, marks = random_scores()
    ours = TARGET.score(logits, marks)
    scores = logits.double().sigmoid().numpy()
    guesses = scores > np.array(TARGET.thresholds)
    areas = metrics.average_precision_score(marks, scores, average=None)
    # torchmetrics integrates in float32.
    assert [s.average_precision for s in ours.per_label] == pytest.approx(list(areas), abs=1e-6)
    assert ours.mean_average_precision == pytest.approx(areas.mean(), abs=1e-6)
    assert ours.macro_f1 == pytest.approx(metrics.f1_score(marks, guesses, average="macro"))
    assert ours.micro_f1 == pytest.approx(metrics.f1_score(marks, guesses, average="micro"))
    assert ours.exact_match == pytest.approx(metrics.accuracy_score(marks, guesses))
    assert ours.loss == pytest.approx(metrics.log_loss(marks.flatten(), scores.flatten()), rel=1e-6)
    expected = metrics.precision_recall_fscore_support(marks, guesses)
    found = zip(*[(s.precision, s.recall, s.f1, s.support) for s in ours.per_label], strict=True)
    for column, values in zip(expected, found, strict=True):
        assert list(values) == pytest.approx(column.tolist())
    assert tuple(score.threshold for score in ours.per_label) == TARGET.thresholds


def test_each_label_is_scored_over_the_samples_of_which_it_is_known():
    logits, marks = random_scores()
    holes = marks.clone()
    holes[torch.rand(marks.shape, generator=torch.Generator().manual_seed(1)) < 0.3] = -1
    ours = TARGET.score(logits, holes)
    for at, score in enumerate(ours.per_label):
        known = holes[:, at] >= 0
        alone = LabelsTarget(name="x", classes=("x",), thresholds=(score.threshold,))
        (expected,) = alone.score(logits[known, at, None], marks[known, at, None]).per_label
        assert replace(expected, name=score.name) == score


def test_an_unknown_cell_cannot_spoil_an_exact_match():
    logits = torch.tensor([[5.0, 5.0], [5.0, 5.0], [5.0, 5.0]])
    marks = torch.tensor([[1, -1], [1, 0], [-1, -1]], dtype=torch.int8)
    ours = LabelsTarget(name="x", classes=("a", "b")).score(logits, marks)
    assert ours.num_samples == 2
    assert ours.exact_match == 0.5


def test_a_label_exactly_at_its_threshold_is_not_given():
    ours = LabelsTarget(name="x", classes=("a",)).score(torch.zeros(1, 1), torch.zeros(1, 1))
    assert ours.exact_match == 1.0


def test_labels_without_a_positive_are_left_out_of_the_mean():
    logits = torch.tensor([[2.0, 1.0], [-2.0, 1.0]])
    marks = torch.tensor([[1, 0], [0, 0]], dtype=torch.int8)
    ours = LabelsTarget(name="x", classes=("a", "b")).score(logits, marks)
    assert ours.mean_average_precision == 1.0
    assert math.isnan(ours.per_label[1].average_precision)
    assert ours.per_label[1].f1 == 0.0


def test_a_label_that_always_holds_has_a_perfect_area():
    marks = torch.ones(3, 1, dtype=torch.int8)
    ours = LabelsTarget(name="x", classes=("a",)).score(torch.tensor([[1.0], [-1], [2]]), marks)
    assert ours.mean_average_precision == 1.0
    assert ours.per_label[0].recall == pytest.approx(2 / 3)


def test_confident_logits_are_still_ranked():
    # In float32 the probabilities of both would be 1, and the area 1/2.
    ours = LabelsTarget(name="x", classes=("a",)).score(
        torch.tensor([[20.0], [30.0]]), torch.tensor([[0], [1]])
    )
    assert ours.mean_average_precision == 1.0


def test_the_calibration_error_is_the_gap_between_probability_and_frequency():
    logits = torch.full((4, 1), math.log(4))
    marks = torch.tensor([[1], [1], [0], [0]], dtype=torch.int8)
    ours = LabelsTarget(name="x", classes=("a",)).score(logits, marks)
    assert ours.calibration_error == pytest.approx(0.8 - 0.5, abs=1e-6)


@pytest.mark.parametrize("rows", [0, 2])
def test_nothing_to_score_gives_no_figures(rows):
    ours = TARGET.score(torch.zeros(rows, 4), torch.full((rows, 4), -1, dtype=torch.int8))
    assert ours.num_samples == 0
    figures = [ours.loss, ours.mean_average_precision, ours.macro_f1, ours.micro_f1]
    assert all(map(math.isnan, [*figures, ours.exact_match, ours.calibration_error]))


def test_a_diverged_network_can_still_be_scored():
    logits, marks = random_scores()
    logits[::2] = math.nan
    ours = TARGET.score(logits, marks)
    assert math.isnan(ours.loss)
    assert math.isnan(ours.calibration_error)
    assert 0 <= ours.exact_match <= 1


def test_huge_logits_give_a_finite_loss():
    marks = torch.tensor([[1, 0]], dtype=torch.int8)
    ours = LabelsTarget(name="x", classes=("a", "b")).score(torch.tensor([[-1e30, 1e30]]), marks)
    assert ours.loss == pytest.approx(1e30)
    assert ours.exact_match == 0.0


def test_the_mean_average_precision_is_the_headline():
    ours = TARGET.score(*random_scores())
    assert (ours.headline.name, ours.headline.value) == ("mAP", ours.mean_average_precision)
    assert ours.headline.higher_is_better
