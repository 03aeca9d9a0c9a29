import pytest
import torch

from export.parity import NOISE_MULTIPLE, ULPS, Tolerance, compare, part_of, tolerance_of

TIGHT = Tolerance(noise_floor=1e-6, bound=1e-3, spread=3.0)
REFERENCE = torch.tensor([[1.0, 3.0, 0.0], [5.0, 4.9999, 0.0], [0.0, 0.0, 2.0]])
NAMES = {"samples": ["one", "tie", "three"], "outputs": ("a", "b", "c")}


def test_equal_numbers_pass_with_zero_error():
    parity = compare(REFERENCE, REFERENCE.clone(), TIGHT, **NAMES)
    assert parity.passed
    assert parity.max_abs_error == parity.mean_abs_error == 0


def test_a_difference_beyond_the_bound_fails_and_is_named():
    candidate = REFERENCE.clone()
    candidate[2, 1] += 0.01
    parity = compare(REFERENCE, candidate, TIGHT, **NAMES)
    assert not parity.passed
    assert parity.max_abs_error == pytest.approx(0.01)
    assert (parity.worst.sample, parity.worst.output) == ("three", "b")
    assert parity.worst.candidate == pytest.approx(0.01)


@pytest.mark.parametrize("poison", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_fails(poison):
    candidate = REFERENCE.clone()
    candidate[0, 2] = poison
    parity = compare(REFERENCE, candidate, TIGHT, **NAMES)
    assert not parity.passed
    assert parity.worst.sample == "one"


def test_the_bound_is_a_multiple_of_the_measured_noise():
    exact = torch.zeros(2, 2, dtype=torch.float64)
    noisy = torch.tensor([[0.0, 1e-3], [0.0, 0.0]])
    tolerance = tolerance_of(noisy, exact, 1.0)
    assert tolerance.noise_floor == pytest.approx(1e-3)
    assert tolerance.bound == pytest.approx(NOISE_MULTIPLE * 1e-3)


def test_no_more_digits_are_asked_for_than_float32_has():
    exact = torch.full((1, 2), 1000.0, dtype=torch.float64)
    tolerance = tolerance_of(exact.float(), exact, 1.0)
    assert tolerance.noise_floor == 0
    assert tolerance.bound == pytest.approx(ULPS * 2**-23 * 1000)


def test_a_network_as_noisy_as_its_answers_proves_nothing():
    """Otherwise a bound wider than all logits would let zeros pass for the network."""
    exact = torch.tensor([[1.0, 2.0], [3.0, 1.0]], dtype=torch.float64)
    noisy = exact.float() + torch.tensor([[1.0, -1.0], [0.5, 0.0]])
    tolerance = tolerance_of(noisy, exact, 1.0)
    assert not tolerance.is_meaningful
    parity = compare(noisy, torch.zeros(2, 2), tolerance, samples=["x", "y"], outputs=("a", "b"))
    assert not parity.passed


def test_outputs_that_are_the_same_for_every_input_prove_nothing():
    exact = torch.full((4, 1), 7.3, dtype=torch.float64)
    tolerance = tolerance_of(exact.float(), exact, 0.0)
    assert not tolerance.is_meaningful


@pytest.mark.parametrize("spread", [float("nan"), float("inf")])
def test_a_spread_that_is_no_number_proves_nothing(spread):
    assert not Tolerance(noise_floor=0.0, bound=1e-6, spread=spread).is_meaningful


@pytest.mark.parametrize(
    ("error", "bound", "part"),
    [
        (0.5, 2.0, 0.25),
        (0.0, 0.0, 0.0),
        (1e-9, 0.0, float("inf")),
        (float("nan"), 1.0, float("inf")),
        (float("inf"), 1.0, float("inf")),
    ],
)
def test_an_error_that_is_no_number_is_the_worst(error, bound, part):
    assert part_of(error, bound) == part
