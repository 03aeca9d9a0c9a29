import io
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from zoo.errors import RecipeError
from zoo.recipes import DescendPhase
from zoo.training.optimizers import (
    OPTIMIZERS,
    build_optimizer,
    known_optimizers,
    stage_learning_rates,
)
from zoo.training.schedules import set_learning_rates

PHASE = DescendPhase(train="all", epochs=1, lr=0.02, layer_decay=0.5, weight_decay=0.1)
STAGES = ("stem", "middle", "top")
ALL = frozenset(STAGES)


class SmallNetwork(nn.Module):
    """Three stages and two heads, behind the part of `Network` that optimisers use."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential()
        self.body.stem = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())
        self.body.middle = nn.Sequential(nn.Conv2d(8, 8, 1), nn.ReLU(), nn.Flatten())
        self.body.top = nn.Sequential(nn.Linear(32, 8), nn.LayerNorm(8))
        self.heads = nn.ModuleDict({"kind": nn.Linear(8, 3), "size": nn.Linear(8, 1)})
        self.backbone = SimpleNamespace(name="small", stages={name: (name,) for name in STAGES})

    def stage_parameters(self, stage):
        part = self.body.get_submodule(stage)
        return {f"body.{stage}.{name}": value for name, value in part.named_parameters()}

    def forward(self, images):
        features = self.body(images)
        return torch.cat([head(features) for head in self.heads.values()], dim=1)


@pytest.fixture
def network():
    return SmallNetwork()


def train(network, optimizer, phase, steps, total=6):
    for step in steps:
        set_learning_rates(optimizer, phase, step, total)
        torch.manual_seed(step)
        optimizer.zero_grad()
        network(torch.randn(4, 3, 4, 4)).square().mean().backward()
        optimizer.step()


def through_a_file(state):
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


@pytest.mark.parametrize("name", known_optimizers())
def test_a_resumed_optimiser_goes_on_bit_for_bit_and_learns(name):
    phase = replace(PHASE, optimizer=name, schedule="one-cycle", warmup=0.4)
    straight = SmallNetwork()
    train(straight, build_optimizer(straight, phase, ALL), phase, range(6))
    first, second = SmallNetwork(), SmallNetwork()
    optimizer = build_optimizer(first, phase, ALL)
    train(first, optimizer, phase, range(3))
    second.load_state_dict(first.state_dict())
    resumed = build_optimizer(second, phase, ALL)
    resumed.load_state_dict(through_a_file(optimizer.state_dict()))
    train(second, resumed, phase, range(3, 6))
    untrained = SmallNetwork()
    for path, value in second.named_parameters():
        assert torch.equal(value, straight.get_parameter(path))
        assert value.isfinite().all()
    assert not torch.equal(second.heads.kind.weight, untrained.heads.kind.weight)


def test_each_stage_learns_slower_than_the_one_above(network):
    rates = stage_learning_rates(network, replace(PHASE, lr=1.0), ALL)
    assert list(rates.items()) == [("stem", 0.25), ("middle", 0.5), ("top", 1.0), ("head", 1.0)]


def test_the_heads_may_have_a_rate_of_their_own(network):
    assert stage_learning_rates(network, replace(PHASE, head_lr=3.0), frozenset())["head"] == 3.0


@pytest.mark.parametrize("name", ["adamw", "sgd", "lamb"])
def test_every_parameter_is_in_one_group_and_only_matrices_decay(network, name):
    groups = build_optimizer(network, replace(PHASE, optimizer=name), ALL).param_groups
    found = [parameter for group in groups for parameter in group["params"]]
    assert {id(p) for p in found} == {id(p) for p in network.parameters()}
    assert len(found) == len(list(network.parameters()))
    for group in groups:
        for parameter in group["params"]:
            assert group["weight_decay"] == (0.1 if parameter.ndim > 1 else 0.0)


def test_a_head_with_one_output_decays_like_any_other(network):
    groups = build_optimizer(network, PHASE, frozenset()).param_groups
    decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    assert decay[id(network.heads.size.weight)] == 0.1
    assert decay[id(network.heads.size.bias)] == 0.0


def test_frozen_stages_are_left_out(network):
    groups = build_optimizer(network, PHASE, frozenset()).param_groups
    assert {id(p) for group in groups for p in group["params"]} == {
        id(p) for p in network.heads.parameters()
    }


def test_what_needs_no_gradient_is_left_out(network):
    network.body.top[0].weight.requires_grad = False
    groups = build_optimizer(network, PHASE, ALL).param_groups
    found = {id(p) for group in groups for p in group["params"]}
    assert {id(p) for p in network.parameters()} - found == {id(network.body.top[0].weight)}


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("biases", {"stem.0.bias", "stem.1.bias", "middle.0.bias", "top.0.bias", "top.1.bias"}),
        ("norms", {"stem.1.weight", "stem.1.bias", "top.1.weight", "top.1.bias"}),
    ],
)
def test_one_kind_of_parameters_trains_with_whole_heads(network, kind, wanted):
    groups = build_optimizer(network, replace(PHASE, parameters=kind), ALL).param_groups
    found = {id(p) for group in groups for p in group["params"]}
    heads = {id(p) for p in network.heads.parameters()}
    assert found - heads == {id(network.body.get_parameter(name)) for name in wanted}
    assert heads <= found


def test_stages_without_the_kind_are_an_error(network):
    with pytest.raises(RecipeError, match="small has no norms to train in middle"):
        build_optimizer(network, replace(PHASE, parameters="norms"), frozenset({"middle"}))


def test_parameters_of_the_loss_learn_at_the_heads_rate_without_decay(network):
    weights = nn.Parameter(torch.zeros(2, 2))
    phase = replace(PHASE, head_lr=0.5)
    groups = build_optimizer(network, phase, ALL, [weights]).param_groups
    (group,) = [g for g in groups if any(p is weights for p in g["params"])]
    assert (group["peak_lr"], group["weight_decay"]) == (0.5, 0.0)


def test_momentum_is_that_of_sgd_and_the_first_beta_of_adam(network):
    phase = replace(PHASE, momentum=0.8, nesterov=False)
    sgd = build_optimizer(network, replace(phase, optimizer="sgd"), ALL).param_groups[0]
    assert (sgd["momentum"], sgd["nesterov"]) == (0.8, False)
    adam = build_optimizer(network, replace(phase, optimizer="adamw"), ALL).param_groups[0]
    assert adam["betas"] == (0.8, 0.999)


def test_momentum_that_nobody_asked_for_is_the_usual_one(network):
    momenta = {
        name: build_optimizer(network, replace(PHASE, optimizer=name), ALL).param_groups[0]
        for name in ("sgd", "sgdw", "rmsprop", "adam", "lion")
    }
    assert [momenta[name]["momentum"] for name in ("sgd", "sgdw", "rmsprop")] == [0.9, 0.9, 0.0]
    assert [momenta[name]["betas"][0] for name in ("adam", "lion")] == [0.9, 0.9]


@pytest.mark.parametrize("name", ["sgd", "rmsprop", "sgdw", "lars", "muon", "madgrad"])
def test_an_optimiser_takes_the_momentum_that_it_is_given(network, name):
    phase = replace(PHASE, optimizer=name, momentum=0.7)
    assert {g["momentum"] for g in build_optimizer(network, phase, ALL).param_groups} == {0.7}


@pytest.mark.parametrize("name", ["adagrad", "adadelta", "lion", "lamb", "adan"])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_momentum_that_would_not_be_heard_of_is_refused(network, name, momentum):
    phase = replace(PHASE, optimizer=name, momentum=momentum)
    with pytest.raises(RecipeError, match=f"'{name}' has no momentum to set to {momentum:g}"):
        build_optimizer(network, phase, ALL)


@pytest.mark.parametrize("name", known_optimizers())
def test_a_momentum_is_either_refused_or_changes_the_steps(name):
    """For every optimiser that there is: nothing is silently ignored."""
    trained = []
    for momentum in (0.3, 0.8):
        network = SmallNetwork()
        phase = replace(PHASE, optimizer=name, momentum=momentum)
        try:
            optimizer = build_optimizer(network, phase, ALL)
        except RecipeError:
            return
        train(network, optimizer, phase, range(4))
        trained.append(network.heads.kind.weight)
    assert not torch.equal(*trained)


def test_sgd_without_momentum_is_not_nesterovs(network):
    phase = replace(PHASE, optimizer="sgd", momentum=0.0, nesterov=True)
    assert build_optimizer(network, phase, ALL).param_groups[0]["nesterov"] is False


def test_corrected_weight_decay_refers_to_each_groups_own_peak(network):
    phase = replace(PHASE, optimizer="adamc", head_lr=0.2)
    for group in build_optimizer(network, phase, ALL).param_groups:
        assert group["max_lr_snapshot"] == group["peak_lr"]


def test_the_table_holds_what_torch_has_and_timm_adds_the_rest():
    assert set(OPTIMIZERS) < set(known_optimizers())
    assert {"lion", "lamb", "muon", "adan"} <= set(known_optimizers())
    for name in OPTIMIZERS:
        phase = replace(PHASE, optimizer=name)
        assert type(build_optimizer(SmallNetwork(), phase, ALL)).__module__.startswith("torch.")


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_the_common_ones_take_their_step_in_one_kernel(network, name):
    optimizer = build_optimizer(network, replace(PHASE, optimizer=name), ALL)
    assert optimizer.param_groups[0]["fused"] is True


def test_an_unknown_optimiser_suggests_a_name(network):
    with pytest.raises(RecipeError, match="did you mean 'adamw'"):
        build_optimizer(network, replace(PHASE, optimizer="AdamW2"), ALL)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("adahessian", "second derivatives"),
        ("kronw", "compiler"),
        ("fusedadam", "apex"),
        ("bnblion8bit", "bitsandbytes"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_reason(network, name, reason):
    assert name not in known_optimizers()
    with pytest.raises(RecipeError, match=reason):
        build_optimizer(network, replace(PHASE, optimizer=name), ALL)
