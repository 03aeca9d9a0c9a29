from dataclasses import replace

import pytest
import torch
from torch import distributed
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor

from tests.zoo.training.small_runs import DESCEND, RESNET, SIZE, VIT, entry, recipe_of, state
from zoo.backbones.network import build_network
from zoo.errors import RecipeError
from zoo.recipes import HeadRecipe
from zoo.training.finetune import finetune
from zoo.training.optimizers import build_optimizer
from zoo.training.patience import Best
from zoo.training.plan import Settings
from zoo.training.sharding import require_shardable, shard
from zoo.training.shares import load_optimizer, load_whole, spread, whole_of


@pytest.fixture(scope="module")
def mesh():
    """One process in a row: its share is everything, but all of FSDP is at work."""
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    yield init_device_mesh("cpu", (1,))
    distributed.destroy_process_group()


def network_of(name):
    return build_network(entry(name), {"kind": 3}, size=SIZE, seed=1)


@pytest.mark.parametrize("name", [RESNET, VIT])
def test_a_sharded_network_answers_the_same_and_keeps_its_tensors(mesh, name):
    network, images = network_of(name).eval(), torch.rand(2, 3, SIZE, SIZE)
    before = state(network)
    sharded = shard(network, mesh)
    assert all(isinstance(value, DTensor) for value in sharded.parameters())
    assert not any(isinstance(value, DTensor) for value in network.parameters())
    with torch.no_grad():
        torch.testing.assert_close(sharded(images), network(images), rtol=0, atol=0)
    together = whole_of(sharded.state_dict())
    assert list(together) == list(before)
    assert all(torch.equal(together[key], value) for key, value in before.items())


@pytest.mark.parametrize("name", [RESNET, VIT])
def test_no_unit_hands_on_a_view(mesh, name):
    """FSDP would lose sight of it where it is written to, and warns."""
    sharded = shard(network_of(name), mesh).train()
    sharded(torch.rand(2, 3, SIZE, SIZE))["kind"].sum().backward()
    assert all(value.grad is not None for value in sharded.parameters())


def test_what_is_written_between_two_passes_is_seen_by_the_second(mesh):
    """A moving average is put into the network and taken out of it again."""
    sharded = shard(network_of(VIT), mesh).eval()
    images = torch.rand(1, 3, SIZE, SIZE)
    with torch.no_grad():
        before = sharded(images)["kind"]
        for value in sharded.parameters():
            value.zero_()
        assert sharded(images)["kind"].abs().sum() == 0 < before.abs().sum()


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "adagrad"])
def test_an_optimisers_whole_state_comes_back_in_shares(mesh, optimizer):
    network, phase = network_of(VIT), replace(DESCEND, optimizer=optimizer)
    sharded = shard(network, mesh)
    stages = frozenset(network.backbone.stages)
    first, second = (build_optimizer(sharded, phase, stages) for _ in range(2))
    sharded(torch.rand(2, 3, SIZE, SIZE))["kind"].square().sum().backward()
    first.step()
    kept = whole_of(first.state_dict())
    load_optimizer(second, kept)
    again = whole_of(second.state_dict())
    assert kept["param_groups"] == again["param_groups"]
    torch.testing.assert_close(again["state"], kept["state"], rtol=0, atol=0)
    memory = next(iter(second.state.values()))
    assert any(isinstance(value, DTensor) for value in memory.values())


def test_the_best_weights_are_kept_whole_and_come_back(mesh):
    sharded, best = shard(network_of(VIT), mesh), Best(patience=1)
    before = whole_of(sharded.state_dict())
    best.consider(1.0, 1, sharded)
    assert not any(isinstance(value, DTensor) for value in best.weights.values())
    with torch.no_grad():
        for value in sharded.parameters():
            value.zero_()
    best.restore(sharded)
    after = whole_of(sharded.state_dict())
    assert all(torch.equal(after[key], value) for key, value in before.items())


def test_who_needs_no_whole_tensors_gets_none(mesh):
    sharded = shard(network_of(VIT), mesh)
    found = whole_of({"state": [sharded.state_dict()], "step": 3}, kept=False)
    assert found["step"] == 3
    names = {name for name, _ in sharded.named_parameters()}
    assert {found["state"][0][name] for name in names} == {None}


def test_of_a_copy_in_each_nothing_changes():
    network = network_of(VIT)
    tensors = network.state_dict()
    assert all(value is tensors[key] for key, value in whole_of(tensors).items())
    value = torch.ones(3)
    assert torch.equal(spread(value, torch.zeros(3)), value)
    assert spread(value, torch.zeros(3)).data_ptr() != value.data_ptr()
    load_whole(network, {key: torch.ones_like(value) for key, value in state(network).items()})
    assert all((value == 1).all() for value in network.parameters())


def test_a_network_that_torch_cannot_spread_is_refused_with_the_reason(mesh):
    network = network_of(VIT)
    network.body.scale = torch.nn.Parameter(torch.tensor(1.0))
    with pytest.raises(RecipeError, match=r"test_vit.* cannot be sharded: .*scalar"):
        shard(network, mesh)


@pytest.mark.parametrize(
    ("fields", "compiles", "problem"),
    [
        ({"phases": (replace(DESCEND, optimizer="lamb"),)}, False, "not what lamb does"),
        ({"head": HeadRecipe(features="flattened")}, False, "cut before its pooling"),
        ({}, True, "--shard and --compile"),
    ],
)
def test_what_cannot_be_sharded_is_refused(fields, compiles, problem):
    recipe = recipe_of(DESCEND)
    require_shardable(recipe, compiles=False)
    with pytest.raises(RecipeError, match=problem):
        require_shardable(replace(recipe, **fields), compiles=compiles)


def test_one_process_has_nobody_to_share_with(photos):
    settings = Settings(shard=True, device="cpu", pretrained=False)
    with pytest.raises(RecipeError, match="over several processes, and there is one") as caught:
        finetune(RESNET, photos, settings)
    assert "torchrun" in caught.value.hint
