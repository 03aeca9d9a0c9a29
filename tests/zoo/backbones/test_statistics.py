from collections.abc import Iterator

import pytest
import torch
from timm.layers import evo_norm, norm_act, split_batchnorm
from torch import Tensor, nn

from zoo.backbones.find import find_backbone
from zoo.backbones.network import Network, build_network
from zoo.backbones.statistics import follows_inputs
from zoo.registry.files import built_in_registry

BACKBONES = {
    "timm/test_resnet": 64,
    "timm/test_efficientnet": 64,
    "timm/test_efficientnet_evos": 64,
    "timm/repghostnet_050": 64,
    "timm/edgenext_xx_small": 64,
    "timm/starnet_s1": 64,
    "torchvision/shufflenet_v2_x0_5": 64,
    "torchvision/regnet_y_400mf": 64,
}
"""One of each way that libraries normalise and keep tables, and the pixels that it is given."""

MOVING = [
    nn.BatchNorm2d(4),
    nn.SyncBatchNorm(4),
    nn.InstanceNorm2d(4, track_running_stats=True),
    norm_act.BatchNormAct2d(4),
    norm_act.SyncBatchNormAct(4),
    split_batchnorm.SplitBatchNorm2d(4),
    evo_norm.EvoNorm2dB0(4),
    evo_norm.EvoNorm2dB1(4),
    evo_norm.EvoNorm2dB2(4),
]
STEADY = [
    nn.BatchNorm2d(4, track_running_stats=False),
    nn.InstanceNorm2d(4),
    nn.GroupNorm(2, 4),
    nn.LayerNorm(4),
    evo_norm.EvoNorm2dS0(4, groups=2),
    nn.Conv2d(4, 4, 1),
    nn.Sequential(nn.BatchNorm2d(4)),
]


def named(layer: nn.Module) -> str:
    return type(layer).__name__


@pytest.fixture(scope="module", params=list(BACKBONES))
def case(request):
    size = BACKBONES[request.param]
    entry = find_backbone(request.param, built_in_registry()).backbone
    network = build_network(entry, {"label": 2}, size=size if entry.resizable else None)
    return network, torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0))


def moved_by(network: nn.Module, images: Tensor) -> set[str]:
    """Names of the buffers that two passes in training mode change, in a single bit."""
    before = {name: value.clone() for name, value in network.named_buffers()}
    for _ in range(2):
        network.eval()
        network.train()
        with torch.no_grad():
            network(images)
    return {name for name, value in network.named_buffers() if not torch.equal(value, before[name])}


def choices(network: Network) -> Iterator[frozenset[str]]:
    stages = list(network.backbone.stages)
    yield from (frozenset(), frozenset(stages[:1]), frozenset(stages[-2:]))


def test_no_buffer_of_any_kind_moves_while_statistics_are_frozen(case):
    network, images = case
    for trained in (*choices(network), frozenset(network.backbone.stages)):
        network.freeze_except(trained, "frozen")
        assert not moved_by(network, images)


def test_no_buffer_outside_what_trains_moves_while_statistics_adapt(case):
    network, images = case
    for trained in choices(network):
        network.freeze_except(trained, "adapt")
        paths = [f"body.{path}" for stage in trained for path in network.backbone.stages[stage]]
        starts = tuple(f"{path}." for path in paths)
        assert all(f"{name}.".startswith(starts) for name in moved_by(network, images))


def test_all_statistics_move_where_all_adapts(case):
    """What the tests above would see if nothing were frozen."""
    network, images = case
    network.freeze_except(frozenset(network.backbone.stages), "adapt")
    statistics = {
        f"{path}.{name}"
        for path, layer in network.named_modules()
        for name, _ in layer.named_buffers(recurse=False)
        if follows_inputs(layer)
    }
    assert moved_by(network, images) == statistics


@pytest.mark.parametrize("layer", MOVING, ids=named)
def test_a_layer_follows_its_inputs_in_training_and_not_in_evaluation(layer):
    assert follows_inputs(layer)
    statistics = {name: value.clone() for name, value in layer.named_buffers()}
    layer.eval()
    if not isinstance(layer, nn.SyncBatchNorm):  # in evaluation too, torch has it on GPUs only
        layer(torch.rand(3, 4, 5, 5))
    assert all(torch.equal(value, statistics[name]) for name, value in layer.named_buffers())


@pytest.mark.parametrize("layer", STEADY, ids=named)
def test_a_layer_without_statistics_of_its_own_keeps_its_mode(layer):
    assert not follows_inputs(layer)
    before = {name: value.clone() for name, value in layer.named_buffers(recurse=False)}
    layer.train()(torch.rand(3, 5, 5, 4) if named(layer) == "LayerNorm" else torch.rand(3, 4, 5, 5))
    after = dict(layer.named_buffers(recurse=False))
    assert all(torch.equal(value, before[name]) for name, value in after.items())


@pytest.mark.parametrize("kind", [evo_norm.EvoNorm2dB0, nn.InstanceNorm2d])
def test_what_is_no_batch_norm_is_frozen_as_exactly(backbone, kind):
    network = build_network(backbone, {"label": 2})
    options = {"track_running_stats": True} if kind is nn.InstanceNorm2d else {}
    network.body.set_submodule("bn2", kind(network.body.bn2.num_features, **options))
    images = torch.rand(2, 3, 64, 64)
    network.freeze_except(frozenset(network.backbone.stages), "adapt")
    assert "body.bn2.running_var" in moved_by(network, images)
    network.freeze_except(frozenset(network.backbone.stages), "frozen")
    assert not moved_by(network, images)
