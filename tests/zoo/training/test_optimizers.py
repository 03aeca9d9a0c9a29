from dataclasses import replace

import pytest
import torch

from zoo.backbones.network import build_network
from zoo.recipes import DescendPhase
from zoo.training.optimizers import build_optimizer, set_learning_rates, stage_learning_rates

PHASE = DescendPhase(train="all", epochs=1, lr=1.0, layer_decay=0.5, weight_decay=0.1)


@pytest.fixture
def network(backbone):
    return build_network(backbone, 3)


def test_each_stage_learns_slower_than_the_one_above(network, backbone):
    rates = stage_learning_rates(network, PHASE, frozenset(backbone.stages))
    assert list(rates) == [*backbone.stages, "head"]
    assert rates["head"] == rates["neck"] == 1.0
    assert rates["stage7"] == 0.5
    assert rates["stem"] == 0.5**8


def test_the_head_may_have_a_rate_of_its_own(network):
    assert stage_learning_rates(network, replace(PHASE, head_lr=3.0), frozenset())["head"] == 3.0


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_every_trained_parameter_is_in_one_group_and_only_matrices_decay(network, backbone, name):
    phase = replace(PHASE, optimizer=name)
    groups = build_optimizer(network, phase, frozenset(backbone.stages)).param_groups
    found = [parameter for group in groups for parameter in group["params"]]
    assert {id(p) for p in found} == {id(p) for p in network.parameters()}
    assert len(found) == len(list(network.parameters()))
    for group in groups:
        for parameter in group["params"]:
            assert group["weight_decay"] == (0.1 if parameter.ndim > 1 else 0.0)


def test_frozen_stages_are_left_out(network):
    groups = build_optimizer(network, PHASE, frozenset()).param_groups
    assert {id(p) for group in groups for p in group["params"]} == {
        id(p) for p in network.head.parameters()
    }


def test_the_rate_rises_to_its_peak_and_falls_to_zero():
    optimizer = torch.optim.SGD([{"params": [torch.zeros(1)], "peak_lr": 2.0}], lr=1.0)
    rates = []
    for step in range(100):
        set_learning_rates(optimizer, replace(PHASE, warmup=0.1), step, 100)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates[:10] == sorted(rates[:10])
    assert rates[10] == max(rates) == 2.0
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 < rates[-1] < 0.002
    assert rates[55] == pytest.approx(1.0, abs=0.02)
