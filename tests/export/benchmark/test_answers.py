import math

import pytest
import torch

from export.benchmark.answers import compare_answers
from zoo.targets import ClassTarget, LabelsTarget, ValueTarget

KIND = ClassTarget(name="kind", classes=("a", "b"))
TAGS = LabelsTarget(name="tags", classes=("x",), thresholds=(0.5,))
AGE = ValueTarget(name="age", columns=("age",), mean=(0.0,), std=(1.0,))


def test_the_worst_difference_of_any_target_counts_absolutely_and_for_its_size():
    ours = {"kind": torch.tensor([[1.0, 2.0]]), "age": torch.tensor([[1000.0]])}
    found = {"kind": torch.tensor([[1.0, 2.5]]), "age": torch.tensor([[1001.0]])}
    closeness = compare_answers((KIND, AGE), ours, found)
    assert closeness.max_abs_difference == pytest.approx(1.0)
    assert closeness.max_relative_difference == pytest.approx(0.25)


def test_images_agree_where_every_class_and_label_is_decided_alike():
    ours = {
        "kind": torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]),
        "tags": torch.tensor([[1.0], [1.0], [1.0], [1.0]]),
    }
    found = {
        "kind": torch.tensor([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]),
        "tags": torch.tensor([[1.0], [-1.0], [2.0], [3.0]]),
    }
    assert compare_answers((KIND, TAGS), ours, found).agreement == 0.5


def test_values_decide_nothing():
    same = {"age": torch.tensor([[1.0]])}
    assert math.isnan(compare_answers((AGE,), same, same).agreement)


def test_no_number_is_no_small_difference():
    ours, found = {"age": torch.tensor([[1.0], [2.0]])}, {"age": torch.tensor([[torch.nan], [2.0]])}
    closeness = compare_answers((AGE,), ours, found)
    assert math.isnan(closeness.max_abs_difference)
    assert math.isnan(closeness.max_relative_difference)
