import math
from dataclasses import replace

import pytest
import torch

from export.batches import measure_batch_effect
from export.parity import Tolerance
from export.programs import Candidate
from export.tolerances import BlockTolerance
from tests.export.small_models import KIND, POSE

NAMES = ["a", "b", "c"]
TIGHT = BlockTolerance(real=Tolerance(noise_floor=1e-7, bound=1e-3, spread=1.0), edges=())
ALONE = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]])


def effect(together, *, errors=None, target=KIND, tolerances=(TIGHT,)):
    width = target.num_outputs
    found = {1: {target.name: ALONE[:, :width]}, 7: {target.name: together}}
    return measure_batch_effect(target, NAMES, Candidate({}, found, errors or {}), tolerances)


def test_answers_that_do_not_move_depend_on_nothing():
    found = effect(ALONE.clone())
    assert (found.max_abs_error, found.dependent) == (0, ())


def test_what_moves_further_than_rounding_is_named_with_its_batch():
    together = ALONE.clone()
    together[1, 2] += 0.5
    together[2, 0] += 5e-4
    found = effect(together)
    assert found.dependent == ("b",)
    assert found.max_abs_error == found.worst.candidate - found.worst.reference == 0.5
    assert (found.worst.sample, found.worst.output) == ("b", KIND.classes[2])
    assert found.batch_size == 7


@pytest.mark.parametrize("poison", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_in_a_batch_alone_depends_on_it(poison):
    together = ALONE.clone()
    together[0, 1] = poison
    found = effect(together)
    assert found.dependent == ("a",)
    assert found.max_abs_error == math.inf


@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_what_is_no_number_anywhere_does_not_depend_on_its_batch(poison):
    alone = ALONE.clone()
    alone[0, 1] = poison
    answers = {size: {KIND.name: alone.clone()} for size in (1, 2)}
    found = measure_batch_effect(KIND, NAMES, Candidate({}, answers, {}), [TIGHT])
    assert (found.dependent, found.max_abs_error) == ((), 0)


@pytest.mark.parametrize("size", [1, 7])
def test_where_only_one_of_both_runs_nothing_is_known(size):
    assert effect(ALONE, errors={size: "no"}) is None


def test_each_value_has_its_own_bound():
    together = ALONE[:, :2].clone()
    together[0, 0] += 0.25
    together[1, 1] += 100
    loose = BlockTolerance(real=Tolerance(noise_floor=1.0, bound=1e3, spread=1e6), edges=())
    found = effect(together, target=POSE, tolerances=(TIGHT, loose))
    assert found.dependent == ("a",)
    assert (found.bound, found.worst.output) == (TIGHT.real.bound, "x")


def test_each_edge_input_has_its_own_bound():
    """c is a wild edge input, which moves furthest and within its bound."""
    loose = Tolerance(noise_floor=1e-3, bound=1.0, spread=300.0)
    together = ALONE.clone()
    together[2, 0] += 0.5
    calm = effect(together, tolerances=(replace(TIGHT, edges=(loose,)),))
    assert (calm.dependent, calm.max_abs_error, calm.bound) == ((), 0.5, 1.0)
    together[1, 1] += 0.25
    found = effect(together, tolerances=(replace(TIGHT, edges=(loose,)),))
    assert (found.dependent, found.max_abs_error) == (("b",), 0.25)
    assert (found.worst.sample, found.bound) == ("b", TIGHT.real.bound)
