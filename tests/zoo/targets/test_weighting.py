import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from zoo.targets import (
    ClassTarget,
    LabelsTarget,
    UncertaintyWeights,
    ValueTarget,
    balanced_class_weights,
)

CLASSES = ClassTarget(name="shop", classes=("a", "b", "c"))
TAGS = LabelsTarget(name="tags", classes=("a", "b", "c"))
PRICE = ValueTarget(name="price", columns=("price",), mean=(0.0,), std=(1.0,))


def test_balanced_weights_are_scikit_learns():
    truth = np.array([0] * 7 + [1] * 2 + [2])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=truth)
    found = balanced_class_weights(CLASSES, np.append(truth, [-1, -1]))
    assert found.dtype == torch.float32
    assert found.tolist() == pytest.approx(list(expected))


def test_a_class_without_a_sample_counts_as_one():
    found = balanced_class_weights(CLASSES, torch.tensor([0, 0, 1, 1]))
    assert found.tolist() == pytest.approx([4 / 6, 4 / 6, 4 / 3])


def test_positives_of_a_label_make_up_for_their_number():
    marks = np.array([[1, 0, 1], [0, 0, 1], [0, 0, 1], [-1, 0, 1]], np.int8)
    assert balanced_class_weights(TAGS, marks).tolist() == pytest.approx([2.0, 4.0, 0.01])


def test_the_weight_of_a_rare_label_is_bounded():
    marks = torch.zeros(1000, 3, dtype=torch.int8)
    marks[0, 0] = 1
    assert balanced_class_weights(TAGS, marks).tolist() == [100.0] * 3


def test_uncertainty_weights_follow_the_paper():
    weights = UncertaintyWeights([CLASSES, PRICE])
    with torch.no_grad():
        weights.log_variances.copy_(torch.tensor([0.4, -0.6]))
    total = weights({"shop": torch.tensor(2.0), "price": torch.tensor(3.0)})
    expected = np.exp(-0.4) * 2 + 0.4 / 2 + np.exp(0.6) * 3 / 2 - 0.6 / 2
    assert total.item() == pytest.approx(expected, rel=1e-6)


def test_learnt_variances_are_those_of_the_noise():
    """At the minimum, exp(s) is the squared error of values, and twice a class's loss."""
    weights = UncertaintyWeights([CLASSES, PRICE])
    optimizer = torch.optim.Adam(weights.parameters(), lr=0.05)
    losses = {"shop": torch.tensor(0.3), "price": torch.tensor(4.0)}
    for _ in range(500):
        optimizer.zero_grad()
        weights(losses).backward()
        optimizer.step()
    # Adam stops short of the minimum by less than its step.
    assert weights.log_variances.exp().tolist() == pytest.approx([0.6, 4.0], rel=0.01)


def test_a_target_without_a_truth_does_not_move():
    weights = UncertaintyWeights([CLASSES, PRICE])
    weights({"price": torch.tensor(3.0)}).backward()
    assert weights.log_variances.grad.tolist() == [0.0, pytest.approx(-1.0)]


def test_a_step_without_any_truth_can_be_differentiated():
    weights = UncertaintyWeights([CLASSES, PRICE])
    total = weights({})
    total.backward()
    assert total == 0
    assert weights.log_variances.grad.tolist() == [0.0, 0.0]


def test_parts_of_a_step_add_up_to_it():
    weights = UncertaintyWeights([CLASSES, PRICE])
    with torch.no_grad():
        weights.log_variances.fill_(0.7)
    parts = [
        weights({"shop": torch.tensor(loss), "price": torch.tensor(2 * loss)}, share=share)
        for loss, share in ((0.5, 0.25), (1.5, 0.75))
    ]
    whole = weights({"shop": torch.tensor(2.0), "price": torch.tensor(4.0)})
    torch.testing.assert_close(sum(parts), whole, rtol=1e-6, atol=0)


def test_the_factors_are_no_state():
    assert list(UncertaintyWeights([CLASSES]).state_dict()) == ["log_variances"]
