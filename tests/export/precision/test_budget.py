import math

import numpy as np
import pytest
import torch

from export.precision.answers import agreement_of, is_finite, noise_of
from export.precision.budget import compare_answers, excess_of
from tests.export.small_models import AGE, KIND, POSE, TAGS

RIGHT = 4.0
"""Logit of a certain answer."""


def change(target, truth, reference, found, max_drop=0.5):
    tensors = (torch.from_numpy(np.asarray(truth)), torch.tensor(reference), torch.tensor(found))
    known, ours, theirs = ({target.name: tensor} for tensor in tensors)
    return compare_answers([target], known, ours, theirs, max_drop)[target.name]


def logits(classes):
    return [[RIGHT * (at == one) for at in range(3)] for one in classes]


def test_a_class_costs_a_hundredth_a_point():
    found = change(KIND, [0, 1, 2, 0, -1], logits([0, 1, 2, 0, 0]), logits([0, 1, 2, 1, 1]))
    assert found.metric == "top1"
    assert found.num_images == 4
    assert found.drop == pytest.approx(25)
    assert found.agreement == pytest.approx(0.6)
    assert found.max_abs_difference == RIGHT
    assert found.verdict == "refused"


def test_a_drop_that_is_the_budget_is_within_it():
    """1 - 0.995 is a little more than 0.005 in binary."""
    right = logits([0] * 200)
    found = change(KIND, [0] * 200, right, logits([1] + [0] * 199))
    assert found.drop == 0.5
    assert found.verdict == "kept"


def test_labels_are_scored_by_their_f1():
    truth = np.array([[1, 0], [0, 1]], dtype=np.int8)
    found = change(TAGS, truth, [[4.0, -4.0], [-4.0, 4.0]], [[4.0, -4.0], [-4.0, -4.0]])
    assert found.metric == "macro_f1"
    assert found.drop == pytest.approx(50)
    assert found.agreement == 0.5


def test_a_value_costs_a_hundredth_of_its_deviation_a_point():
    found = change(AGE, [[30.0], [50.0]], [[30.0], [50.0]], [[30.12], [50.12]], max_drop=1.01)
    assert found.metric == "mae"
    assert AGE.std == (12.0,)
    assert found.drop == pytest.approx(1.0, rel=1e-4)  # float32 holds 50.12 so exactly
    assert found.agreement is None
    assert found.verdict == "kept"


def test_several_values_are_scored_by_what_they_explain():
    truth = np.array([[0.0, 4e3], [1e-3, 6e3]])
    found = change(POSE, truth, truth.astype(np.float32).tolist(), [[0.0, 4e3], [1e-3, 5.9e3]])
    assert found.metric == "r2"
    assert found.drop == pytest.approx(100 * (1e2**2 / 2e6) / 2, rel=1e-3)


def test_what_is_won_is_a_negative_drop():
    found = change(KIND, [0, 1], logits([0, 0]), logits([0, 1]))
    assert found.drop == pytest.approx(-50)
    assert found.verdict == "kept"


@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_an_answer_that_is_no_number_is_outside_any_budget(poison):
    broken = logits([0, 1])
    broken[1][2] = poison
    found = change(KIND, [0, 1], logits([0, 1]), broken, max_drop=math.inf)
    assert found.verdict == "refused"
    assert math.isnan(found.metric_variant)
    assert excess_of({"kind": found}, finite=False) == math.inf


def test_a_target_of_which_nothing_is_known_proves_nothing():
    found = change(KIND, [-1, -1], logits([0, 1]), logits([0, 1]))
    assert found.num_images == 0
    assert found.verdict == "refused"


def test_noise_is_the_error_beside_what_tells_answers_apart():
    reference = torch.tensor([[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0]])
    found = reference + 0.1 * torch.tensor([[1.0, -1.0, 0.0], [1.0, -1.0, 0.0]])
    assert noise_of([KIND], {"kind": reference}, {"kind": found}) == pytest.approx(0.1, rel=1e-5)


def test_what_all_classes_have_in_common_is_no_noise():
    reference = torch.tensor([[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0]])
    assert noise_of([KIND], {"kind": reference}, {"kind": reference + 5}) == 0


def test_units_of_values_do_not_matter():
    reference = torch.tensor(POSE.mean) + torch.tensor(POSE.std) * torch.tensor(
        [[1.0, 1.0], [-1.0, -1.0]], dtype=torch.float64
    )
    found = reference + 0.1 * torch.tensor(POSE.std, dtype=torch.float64)
    noise = noise_of([POSE], {POSE.name: reference}, {POSE.name: found})
    assert noise == pytest.approx(0.1)


def test_the_worst_target_counts():
    sharp, vague = torch.tensor([[1.0], [-1.0]]), torch.tensor([[1.0], [-0.5]])
    ours = {"age": sharp, "kind": sharp.repeat(1, 3)}
    theirs = {"age": vague, "kind": sharp.repeat(1, 3)}
    assert noise_of([AGE], ours, theirs) == noise_of([AGE, KIND], ours, theirs) > 0


def test_noise_of_what_is_no_number_is_infinite():
    reference, found = torch.tensor([[1.0], [-1.0]]), torch.tensor([[1.0], [math.nan]])
    assert noise_of([AGE], {"age": reference}, {"age": found}) == math.inf
    assert not is_finite({"age": found})


def test_values_alone_decide_nothing():
    reference = {"age": torch.tensor([[1.0]])}
    assert agreement_of([AGE], reference, reference) is None
