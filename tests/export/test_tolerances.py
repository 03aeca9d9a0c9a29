import math

import pytest
import torch

from export.outputs import ranges_of
from export.parity import NOISE_MULTIPLE, ULPS
from export.programs import Reference
from export.samples import Inputs
from export.tolerances import BlockTolerance, measure_tolerances
from tests.export.small_models import AGE, KIND, POSE

NUM_REAL, NUM_EDGES = 8, 2
SPREAD = 2.0
NOISE = 1e-5


def answers(*edges: float, noise: float = NOISE, error: float = 0.0) -> tuple[torch.Tensor, ...]:
    """Eight real images' logits spread over 2, and edge inputs' over so much, in two precisions.

    Args:
        edges: The highest logit for each edge input.
        noise: How far float32 is from float64 on real images.
        error: How far it is on the last edge input.
    """
    exact = torch.tensor([[0.0, 1.0, SPREAD]]).double().repeat(NUM_REAL + NUM_EDGES, 1)
    exact[NUM_REAL:, 2] = torch.tensor(edges)
    rounded = exact.clone()
    rounded[:NUM_REAL, 1] += noise
    rounded[-1, 1] += error
    return rounded, exact


def measure(float32, float64, target=KIND) -> list[BlockTolerance]:
    """Measure with both in float64: all noise is what the test put there."""
    names = [f"{at}.png" for at in range(NUM_REAL)] + ["(black)", "(white)"]
    inputs = Inputs(torch.empty(len(names), 0), names, NUM_REAL)
    reference = Reference({target.name: float32}, {target.name: float64})
    return measure_tolerances([target], inputs, reference)[target.name]


def test_a_wild_edge_input_changes_nothing_for_real_images():
    (calm,) = measure(*answers(1.0, 1.0))
    (wild,) = measure(*answers(1.0, 700.0, error=0.05))
    assert wild.real == calm.real
    assert wild.edges[0] == calm.edges[0]
    assert wild.real.noise_floor == pytest.approx(NOISE)
    assert wild.real.spread == SPREAD


def test_a_wild_edge_input_has_its_own_floor_and_range():
    (found,) = measure(*answers(1.0, 700.0, error=0.05))
    wild = found.edges[1]
    assert wild.noise_floor == pytest.approx(0.05)
    assert wild.bound == pytest.approx(NOISE_MULTIPLE * 0.05)
    assert wild.spread == 700
    assert wild.is_meaningful


@pytest.mark.parametrize("noise", [NOISE, 0.0], ids=["by noise", "by float32's spacing"])
def test_an_edge_input_is_held_to_no_less_than_real_images(noise):
    (found,) = measure(*answers(1.0, SPREAD, noise=noise))
    assert {(e.noise_floor, e.bound, e.spread) for e in found.edges} == {
        (found.real.noise_floor, found.real.bound, found.real.spread)
    }


def test_luck_on_one_wild_input_does_not_make_its_bound_small():
    """Here its own error is 0: it may be as far off as real images are, at its range."""
    (found,) = measure(*answers(1.0, 100 * SPREAD))
    assert found.edges[1].noise_floor == pytest.approx(100 * NOISE)


def test_an_edge_input_as_noisy_as_its_answers_proves_nothing():
    (found,) = measure(*answers(1.0, 700.0, error=1.0))
    assert found.real.is_meaningful
    assert [edge.is_meaningful for edge in found.edges] == [True, False]


def test_no_more_digits_are_asked_for_than_float32_has_at_that_edge_input():
    (found,) = measure(*answers(1.0, 1e5, noise=0.0))
    assert found.real.bound == pytest.approx(ULPS * 2**-23 * SPREAD)
    assert found.edges[1].bound == pytest.approx(ULPS * 2**-23 * 1e5)


@pytest.mark.parametrize("poison", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("precision", [0, 1], ids=["float32", "float64"])
def test_an_edge_input_that_is_answered_with_no_number_proves_nothing(poison, precision):
    both = answers(1.0, 1.0)
    both[precision][-1, 2] = poison
    (found,) = measure(*both)
    assert found.real.is_meaningful
    assert [edge.is_meaningful for edge in found.edges] == [True, False]


@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_where_real_images_are_answered_with_no_numbers_nothing_is_proved(poison):
    both = answers(1.0, 1.0)
    for outputs in both:
        outputs[:NUM_REAL] = poison
    (found,) = measure(*both)
    assert not found.real.is_meaningful
    assert not any(edge.is_meaningful for edge in found.edges)


def test_real_images_that_all_get_the_same_answer_prove_nothing_whatever_edge_inputs_get():
    outputs = torch.full((NUM_REAL + NUM_EDGES, 1), 40.0).double()
    outputs[NUM_REAL:, 0] = torch.tensor([0.0, 90.0])
    (found,) = measure(outputs, outputs, AGE)
    assert not found.real.is_meaningful


def test_each_value_has_its_own_bounds():
    exact = torch.linspace(-1, 1, NUM_REAL + NUM_EDGES).double()[:, None] * torch.tensor([1, 1e3])
    exact[-1, 1] = 1e6
    rounded = exact + torch.tensor([1e-6, 1e-3])
    x, y = measure(rounded, exact, POSE)
    assert x.edges[1].bound < 1e-4 < y.real.bound
    assert y.edges[1].bound > 100 * y.real.bound


def test_bounds_are_in_the_order_of_inputs():
    (found,) = measure(*answers(1.0, 700.0, error=0.05))
    bounds = found.bounds(5).flatten().tolist()
    assert bounds == [found.real.bound] * 3 + [edge.bound for edge in found.edges]
    assert [rows for rows, _ in found.groups(5)] == [slice(3), slice(3, 4), slice(4, 5)]


def test_logits_range_within_an_input_and_values_from_what_is_usual():
    usual = torch.tensor([[0.0, 8.0], [1.0, 10.0], [2.0, 90.0]])
    odd = torch.tensor([[5.0, 7.0], [1.0, 1e3]])
    assert ranges_of(KIND, odd, usual).tolist() == [2, 999]
    assert ranges_of(POSE, odd[:, [1]], usual[:, [1]]).tolist() == [3, 990]
