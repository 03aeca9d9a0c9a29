import pytest
import torch

from export.parity import NOISE_MULTIPLE, ULPS, Tolerance, compare, tolerance_of

TIGHT = Tolerance(noise_floor=1e-6, bound=1e-3, spread=3.0)
REFERENCE = torch.tensor([[1.0, 3.0, 0.0], [5.0, 4.9999, 0.0], [0.0, 0.0, 2.0]])
NAMES = {"samples": ["one", "tie", "three"], "classes": ("a", "b", "c")}


def test_equal_numbers_pass_with_zero_error():
    parity = compare(REFERENCE, REFERENCE.clone(), TIGHT, **NAMES)
    assert parity.passed
    assert parity.max_abs_error == parity.mean_abs_error == 0
    assert parity.argmax_agreement == 1
    assert parity.ties == ("tie",)


def test_a_difference_beyond_the_bound_fails_and_is_named():
    candidate = REFERENCE.clone()
    candidate[2, 1] += 0.01
    parity = compare(REFERENCE, candidate, TIGHT, **NAMES)
    assert not parity.passed
    assert parity.max_abs_error == pytest.approx(0.01)
    assert (parity.worst.sample, parity.worst.class_name) == ("three", "b")
    assert parity.worst.candidate == pytest.approx(0.01)


@pytest.mark.parametrize("poison", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_fails(poison):
    candidate = REFERENCE.clone()
    candidate[0, 2] = poison
    parity = compare(REFERENCE, candidate, TIGHT, **NAMES)
    assert not parity.passed
    assert parity.worst.sample == "one"


def test_a_tie_may_fall_either_way():
    candidate = REFERENCE.clone()
    candidate[1, 1] += 2e-4
    parity = compare(REFERENCE, candidate, TIGHT, **NAMES)
    assert parity.argmax_agreement == pytest.approx(2 / 3)
    assert parity.disagreements == ()
    assert parity.passed


def test_a_sure_answer_may_not_change():
    parity = compare(REFERENCE, REFERENCE[:, [1, 0, 2]], TIGHT, **NAMES)
    assert parity.disagreements == ("one",)
    assert not parity.passed


def test_the_bound_is_a_multiple_of_the_measured_noise():
    exact = torch.zeros(2, 2, dtype=torch.float64)
    noisy = torch.tensor([[0.0, 1e-3], [0.0, 0.0]])
    tolerance = tolerance_of(noisy, exact)
    assert tolerance.noise_floor == pytest.approx(1e-3)
    assert tolerance.bound == pytest.approx(NOISE_MULTIPLE * 1e-3)


def test_no_more_digits_are_asked_for_than_float32_has():
    exact = torch.full((1, 2), 1000.0, dtype=torch.float64)
    tolerance = tolerance_of(exact.float(), exact)
    assert tolerance.noise_floor == 0
    assert tolerance.bound == pytest.approx(ULPS * 2**-23 * 1000)


def test_a_network_as_noisy_as_its_answers_proves_nothing():
    """Otherwise a bound wider than all logits would let zeros pass for the network."""
    exact = torch.tensor([[1.0, 2.0], [3.0, 1.0]], dtype=torch.float64)
    noisy = exact.float() + torch.tensor([[1.0, -1.0], [0.5, 0.0]])
    tolerance = tolerance_of(noisy, exact)
    assert not tolerance.is_meaningful
    parity = compare(noisy, torch.zeros(2, 2), tolerance, samples=["x", "y"], classes=("a", "b"))
    assert not parity.passed
