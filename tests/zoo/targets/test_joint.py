import math

import pytest
import torch

from zoo.targets import ClassTarget, JointMetrics, ValueTarget, score_all

SHOP = ClassTarget(name="shop", classes=("a", "b"))
PRICE = ValueTarget(name="price", columns=("price",), mean=(0.0,), std=(2.0,))
OUTPUTS = {"shop": torch.eye(3)[:, :2], "price": torch.tensor([[1.0], [2.0], [3.0]])}


def test_the_only_target_keeps_its_own_metrics():
    truth = torch.tensor([0, 1, -1])
    assert score_all([SHOP], OUTPUTS, {"shop": truth}) == SHOP.score(OUTPUTS["shop"], truth)


def test_several_targets_are_scored_side_by_side():
    truths = {"shop": torch.tensor([0, -1, -1]), "price": torch.tensor([[5.0], [1.0], [math.nan]])}
    metrics = score_all([SHOP, PRICE], OUTPUTS, truths)
    assert isinstance(metrics, JointMetrics)
    assert metrics.num_samples == 2
    assert list(metrics.targets) == ["shop", "price"]
    assert metrics.targets["price"] == PRICE.score(OUTPUTS["price"], truths["price"])
    assert metrics.loss == pytest.approx(sum(m.loss for m in metrics.targets.values()))
    assert (metrics.headline.name, metrics.headline.value) == ("loss", metrics.loss)
    assert not metrics.headline.higher_is_better


def test_a_target_without_a_truth_leaves_the_loss_to_the_others():
    truths = {"shop": torch.full((3,), -1), "price": torch.zeros(3, 1)}
    metrics = score_all([SHOP, PRICE], OUTPUTS, truths)
    assert metrics.loss == metrics.targets["price"].loss
    assert metrics.targets["shop"].num_samples == 0


def test_without_any_truth_there_is_no_loss():
    truths = {"shop": torch.full((3,), -1), "price": torch.full((3, 1), math.nan)}
    metrics = score_all([SHOP, PRICE], OUTPUTS, truths)
    assert metrics.num_samples == 0
    assert math.isnan(metrics.loss)
