import math

import pytest
import torch
from sklearn import metrics

from zoo.targets import (
    ClassTarget,
    LabelsTarget,
    doubt_temperature,
    fit_temperature,
    tune_thresholds,
)
from zoo.targets.calibration import COLDEST, HOTTEST

CLASSES = ClassTarget(classes=("a", "b", "c", "d"))
LABELS = LabelsTarget(name="tags", classes=("a", "b", "c", "d"))


def calibrated_classes(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits, and labels drawn with just their probabilities."""
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(count, 4, generator=generator)
    return logits, torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]


def calibrated_labels(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(count, 4, generator=generator)
    draws = torch.rand(count, 4, generator=generator)
    return logits, (draws < logits.sigmoid()).to(torch.int8)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0, 30.0])
@pytest.mark.parametrize(
    ("target", "draw"), [(CLASSES, calibrated_classes), (LABELS, calibrated_labels)]
)
def test_the_temperature_of_overconfident_logits_is_found(target, draw, temperature):
    logits, truth = draw(20_000)
    found = fit_temperature(target, logits * temperature, truth)
    # Of 20,000 samples the estimate itself is uncertain by about a percent.
    assert found.temperature == pytest.approx(temperature, rel=0.03)
    assert found.loss_after <= found.loss_before
    assert found.error_after < 0.02
    assert found.num_samples == 20_000
    if temperature != 1:
        assert found.loss_after < found.loss_before
        assert found.error_after < found.error_before


@pytest.mark.parametrize(
    ("target", "draw"), [(CLASSES, calibrated_classes), (LABELS, calibrated_labels)]
)
def test_no_other_temperature_has_a_lower_loss(target, draw):
    """But for half a mistake in some hundred samples, which is worth a percent of temperature."""
    logits, truth = draw(500)
    logits = logits * 2.5
    found = fit_temperature(target, logits, truth)
    for factor in (0.98, 1.02):
        other = target.score(logits / (found.temperature * factor), truth).loss
        # The quoted loss is in float64, that of a score in float32.
        assert other > found.loss_after - 1e-7
    assert target.score(logits, truth).loss == pytest.approx(found.loss_before, rel=1e-5)


def test_missing_truths_do_not_count():
    logits, truth = calibrated_classes(300)
    holes = truth.clone()
    holes[::3] = -1
    kept = holes >= 0
    assert fit_temperature(CLASSES, logits, holes) == fit_temperature(
        CLASSES, logits[kept], truth[kept]
    )
    marked, marks = calibrated_labels(300)
    marks[:, 2] = -1
    three = LabelsTarget(name="tags", classes=("a", "b", "d"))
    found = fit_temperature(LABELS, marked, marks)
    expected = fit_temperature(three, marked[:, [0, 1, 3]], marks[:, [0, 1, 3]])
    assert found == expected


def test_temperatures_are_bounded():
    perfect = torch.eye(4) * 0.1
    assert fit_temperature(CLASSES, perfect, torch.arange(4)).temperature == pytest.approx(COLDEST)
    wrong = torch.eye(4) * 5
    found = fit_temperature(CLASSES, wrong, torch.arange(4).roll(1))
    assert found.temperature == pytest.approx(HOTTEST)


@pytest.mark.parametrize("count", [1, 12, 1000])
def test_samples_that_are_all_right_end_at_the_confidence_of_jeffreys_prior(count):
    sure = torch.tensor([[0.0, 3.0]]).expand(count, 2)
    two = ClassTarget(classes=("a", "b"))
    found = fit_temperature(two, sure, torch.ones(count, dtype=torch.int64))
    confidence = (sure[0] / found.temperature).softmax(0)[1].item()
    started = sure[0].softmax(0)[1].item()
    # A temperature that would raise the loss is not taken.
    assert confidence == pytest.approx(max(started, (count + 0.5) / (count + 1)), abs=1e-6)


def test_a_perfectly_parted_validation_set_does_not_ask_for_certainty():
    logits = 10 * torch.eye(4)[torch.arange(12) % 4]
    found = fit_temperature(CLASSES, logits / 4, torch.arange(12) % 4)
    assert (logits[0] / 4 / found.temperature).softmax(0)[0] < 0.97
    assert found.temperature > 2 * COLDEST


def test_too_few_mistakes_are_told_of():
    truth = torch.arange(40) % 4
    logits = torch.eye(4)[truth] * 5
    for mistakes, doubted in ((0, True), (4, True), (5, False)):
        given = truth.clone()
        given[:mistakes] = (given[:mistakes] + 1) % 4
        doubt = doubt_temperature(CLASSES, logits, given)
        assert (doubt is not None) == doubted
        assert doubt is None or doubt.startswith(f"label: {mistakes} of 40 validation images")
    assert doubt_temperature(CLASSES, logits, torch.full((40,), -1)) is None


def test_mistaken_labels_are_counted_answer_by_answer():
    logits = torch.tensor([[2.0, -2.0, 2.0, 2.0]] * 3)
    marks = torch.tensor([[1, 0, 0, -1]] * 3)
    doubt = doubt_temperature(LABELS, logits, marks)
    assert doubt is not None
    assert doubt.startswith("tags: 3 of 9 validation answers")


@pytest.mark.parametrize(
    "logits",
    [
        torch.zeros(5, 4),
        torch.full((5, 4), math.nan),
        torch.tensor([[math.inf, 0, 0, 0]] * 5),
        torch.zeros(0, 4),
    ],
)
@pytest.mark.parametrize("target", [CLASSES, LABELS])
def test_logits_that_teach_nothing_are_left_alone(target, logits):
    shape = (len(logits),) if target is CLASSES else (len(logits), 4)
    found = fit_temperature(target, logits, torch.ones(shape, dtype=torch.int64))
    assert found.temperature == 1.0
    assert found.loss_after == found.loss_before or math.isnan(found.loss_before)


def test_huge_logits_are_cooled():
    logits, truth = calibrated_classes(500)
    found = fit_temperature(CLASSES, logits * 1e6, truth)
    assert found.temperature == pytest.approx(HOTTEST)
    assert found.loss_after < found.loss_before


def thresholds_of(probabilities: list[float], marks: list[int]) -> float:
    scores = torch.tensor(probabilities, dtype=torch.float64)[:, None]
    (threshold,) = tune_thresholds(scores.logit(), torch.tensor(marks)[:, None])
    return threshold


@pytest.mark.parametrize(
    ("probabilities", "marks", "threshold"),
    [
        # Halfway between the scores that are parted.
        ([0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1], 0.25),
        ([0.7, 0.8, 0.9], [0, 0, 1], 0.85),
        # As good as any other.
        ([0.1, 0.9], [0, 1], 0.5),
        ([0.5, 0.9], [0, 1], 0.5),
        # Equal scores are not parted: both or none of 0.3.
        ([0.1, 0.3, 0.3, 0.4], [0, 1, 0, 1], 0.2),
        # All of them, below the lowest score.
        ([0.2, 0.1, 0.15, 0.05], [1, 1, 0, 1], 0.025),
        # Nothing to tell from.
        ([0.1, 0.2], [0, 0], 0.5),
        ([0.1, 0.2], [1, 1], 0.5),
        ([0.1, 0.2], [-1, -1], 0.5),
        ([0.1, 0.2, 0.01], [0, 1, -1], 0.15),
        ([], [], 0.5),
    ],
)
def test_thresholds_part_the_scores_where_f1_is_highest(probabilities, marks, threshold):
    assert thresholds_of(probabilities, marks) == pytest.approx(threshold)


def test_of_equally_good_thresholds_the_nearest_to_a_half_is_taken():
    # F1 is 2/3 for the first alone and for all four.
    assert thresholds_of([0.9, 0.8, 0.7, 0.6], [1, 0, 0, 1]) == pytest.approx(0.5)
    assert thresholds_of([0.45, 0.3, 0.2, 0.1], [1, 0, 0, 1]) == pytest.approx(0.375)


def test_scores_that_are_no_numbers_say_nothing():
    logits = torch.tensor([[math.nan], [-2.0], [-1.0]])
    (threshold,) = tune_thresholds(logits, torch.tensor([[1], [0], [1]]))
    expected = logits[1:].double().sigmoid().mean().item()
    assert threshold == pytest.approx(expected)


def test_no_threshold_scores_higher_than_the_tuned_one():
    logits, marks = calibrated_labels(60)
    tuned = tune_thresholds(logits - 1, marks)
    scores = (logits - 1).double().sigmoid()
    for at, threshold in enumerate(tuned):
        best = metrics.f1_score(marks[:, at], scores[:, at] > threshold)
        others = [metrics.f1_score(marks[:, at], scores[:, at] > cut) for cut in scores[:, at]]
        assert best >= max(others)
        assert best > metrics.f1_score(marks[:, at], scores[:, at] > 0.5)


def test_tuned_thresholds_fit_the_target():
    logits, marks = calibrated_labels(50)
    tuned = LabelsTarget(
        name="tags", classes=LABELS.classes, thresholds=tune_thresholds(logits, marks)
    )
    assert tuned.score(logits, marks).macro_f1 >= LABELS.score(logits, marks).macro_f1
