from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch import nn

from zoo.backbones import builders
from zoo.backbones.builders import find_builder
from zoo.backbones.feature_maps import _TABLES, FlatMap
from zoo.backbones.maps import FeatureMap
from zoo.backbones.network import build_network
from zoo.errors import RecipeError
from zoo.recipes import HeadRecipe
from zoo.registry.files import built_in_registry

FLAT = HeadRecipe(features="flattened")
SIZE = 64
CONVOLUTIONAL = ["vgg16", "resnet18", "mobilenet_v3_large", "efficientnet_lite0", "swin_t"]
"""Of both libraries; pooled by a module, by a function's mean, and with squeeze-and-excitation."""


def flat(name: str, size: int = SIZE, outputs=None):
    entry = built_in_registry().backbone(name)
    return build_network(entry, outputs or {"label": 2}, head=FLAT, size=size).eval()


def last_map(name: str, images: torch.Tensor, state: dict[str, torch.Tensor]) -> torch.Tensor:
    """What enters the library's own pooling, by a hook."""
    entry = built_in_registry().backbone(name)
    network = find_builder(entry.builder).build(entry.architecture, 10).eval()
    network.load_state_dict(state, strict=False)
    pooling = next(p for n, p in network.named_modules() if n in ("avgpool", "global_pool"))
    seen = []
    pooling.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        network(images)
    return seen[0]


@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_features_are_what_the_librarys_own_pooling_is_given(name):
    network = flat(name)
    images = torch.rand(2, 3, SIZE, SIZE)
    expected = last_map(name, images, network.body.state_dict())
    with torch.no_grad():
        found = network.body(images)
    assert found.shape == (2, network.backbone.feature_dim)
    torch.testing.assert_close(found, expected.flatten(1), rtol=0, atol=0)


@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_parts_keep_the_librarys_names_and_only_what_runs_is_kept(name):
    entry = built_in_registry().backbone(name)
    with torch.device("meta"):
        whole = find_builder(entry.builder).build(entry.architecture, 10)
    kept, known = flat(name).body.state_dict(), whole.state_dict()
    assert set(kept) <= set(known)
    assert all(kept[key].shape == known[key].shape for key in kept)
    gone = set(known) - set(kept)
    assert all(key.startswith(("classifier", "head.", "fc.")) for key in gone)


@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_stages_cover_each_parameter_once(name):
    network = flat(name)
    listed = [key for stage in network.backbone.stages for key in network.stage_parameters(stage)]
    assert sorted(listed) == sorted(f"body.{key}" for key, _ in network.body.named_parameters())


def test_a_stage_of_nothing_but_the_librarys_classifier_is_gone():
    """VGG's fully connected layers come after its last feature map."""
    entry = built_in_registry().backbone("vgg16")
    assert set(flat("vgg16").backbone.stages) < set(entry.stages)


@pytest.mark.parametrize(("size", "side"), [(64, 2), (96, 3)])
def test_the_width_of_the_features_follows_the_images(size, side):
    assert flat("vgg16", size).backbone.feature_dim == 512 * side * side


@pytest.mark.parametrize("name", ["efficientnet_lite0", "resnet18"])
def test_a_copy_computes_with_its_own_parameters(name):
    """As an average of the weights does."""
    network = flat(name)
    copy = deepcopy(network)
    images = torch.rand(2, 3, SIZE, SIZE)
    with torch.no_grad():
        before = network(images)["label"]
        torch.testing.assert_close(copy(images)["label"], before, rtol=0, atol=0)
        for parameter in copy.body.parameters():
            parameter.zero_()
        torch.testing.assert_close(network(images)["label"], before, rtol=0, atol=0)
        assert not copy.body(images).any()


@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_a_copy_holds_the_very_tensors_that_it_computes_with(name):
    """So that moving it to a device moves them; what is of no use moves in vain."""
    copy = deepcopy(flat(name)).body
    owner = copy._whole[0].owner
    held = {id(tensor) for tensor in (*copy.parameters(), *copy.buffers())}
    assert {id(tensor) for tensor in (*owner.parameters(), *owner.buffers())} <= held
    copy.to(torch.float64)
    with torch.no_grad():
        assert copy(torch.rand(1, 3, SIZE, SIZE, dtype=torch.float64)).dtype == torch.float64


class WithScale(nn.Module):
    """A network whose outermost module has a buffer and a BatchNorm of its own."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 2)
        self.register_buffer("scale", torch.tensor(2.0))
        self.register_buffer("passing", torch.tensor(3.0), persistent=False)

    def forward(self, images):
        return self.head(self.map(images).mean((2, 3)))

    def map(self, images):
        return self.norm(self.conv(images)) * self.scale + self.passing


def flat_with_scale() -> FlatMap:
    network = WithScale()
    return FlatMap(FeatureMap(network, network.map))


def test_buffers_of_the_outermost_module_are_kept_and_move_along():
    body = flat_with_scale()
    assert "scale" in body.state_dict()
    assert "passing" not in body.state_dict()
    images = torch.rand(2, 3, 8, 8)
    assert body.double()(images.double()).dtype == torch.float64
    before = body(images.double())
    body.load_state_dict(body.state_dict() | {"scale": torch.tensor(4.0)})
    assert not torch.equal(body(images.double()), before)
    assert body.to("meta")(images.double().to("meta")).device.type == "meta"


def test_torch_keeps_parts_of_a_module_in_no_other_tables_than_those_that_are_shared():
    """Another one, in a torch to come, would be the cut network's own and stay empty."""
    kept = {name for name in vars(nn.Module()) if "hook" not in name}
    assert kept == {*_TABLES, "training"}


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.double(),
        lambda body: body.to(memory_format=torch.channels_last),
        lambda body: body.load_state_dict(body.state_dict(), assign=True),
        lambda body: body.eval().requires_grad_(requires_grad=False),
        lambda body: setattr(body, "norm", nn.Identity()),
        lambda body: body.register_buffer("more", torch.zeros(1)),
        nn.SyncBatchNorm.convert_sync_batchnorm,
        deepcopy,
    ],
)
def test_whatever_is_done_to_a_cut_network_its_parts_stay_the_owners(change):
    body = flat_with_scale()
    changed = change(body)
    for one in (body, changed if isinstance(changed, FlatMap) else body):
        owner = one._whole[0].owner
        assert all(getattr(one, table) is getattr(owner, table) for table in _TABLES)


def test_a_layer_that_is_replaced_is_the_one_that_computes():
    """As when BatchNorm is synchronised between processes."""
    body = nn.SyncBatchNorm.convert_sync_batchnorm(flat_with_scale())
    assert isinstance(body.norm, nn.SyncBatchNorm)
    called = []
    body.norm.register_forward_hook(lambda *_: called.append(True))
    body.eval()(torch.rand(2, 3, 8, 8))
    assert called


@pytest.mark.parametrize("name", ["efficientnet_lite0", "resnet18"])
def test_a_frozen_stage_keeps_its_statistics_and_a_trained_one_moves_them(name):
    network = flat(name)
    *frozen, top = network.backbone.stages
    network.freeze_except(frozenset({top}), "adapt")
    network.train()
    before = {key: value.clone() for key, value in network.body.named_buffers()}
    network(torch.rand(4, 3, SIZE, SIZE))["label"].sum().backward()
    moved = {k for k, v in network.body.named_buffers() if not torch.equal(v, before[k])}
    trained = {key for key, p in network.named_parameters() if p.grad is not None}
    assert moved
    assert all(key.startswith(network.backbone.stages[top]) for key in moved)
    assert not trained & {key for stage in frozen for key in network.stage_parameters(stage)}
    assert set(network.stage_parameters(top)) <= trained


def test_functions_that_ask_a_networks_mode_are_told_it():
    """timm's own blocks ask for it where they drop something."""
    network = flat("efficientnet_lite0")
    owner = network.body._whole[0].owner
    network.train()
    assert owner.training
    network.eval()
    assert not owner.training


@pytest.mark.parametrize("name", ["vit_b_16", "vit_tiny_patch16_224.augreg_in21k_ft_in1k"])
def test_a_network_without_a_feature_map_is_refused_with_a_way_out(name):
    with pytest.raises(RecipeError, match=f"{name} has no last feature map") as caught:
        flat(name, size=224)
    assert "vgg16" in caught.value.hint


def test_a_builder_that_knows_no_way_to_the_map_is_refused(backbone, monkeypatch):
    own = builders.Builder(find_builder("timm").build)
    monkeypatch.setattr(builders, "BUILDERS", {**builders.BUILDERS, "own": own})
    with pytest.raises(RecipeError, match="its builder knows of none"):
        build_network(replace(backbone, builder="own"), {"label": 2}, head=FLAT, size=SIZE)
