from dataclasses import replace

import pytest
import timm
import torch
import torchvision

from zoo.backbones.network import build_network, trained_stages
from zoo.errors import RecipeError
from zoo.recipes import DescendPhase
from zoo.registry.files import built_in_registry


@pytest.fixture
def network(backbone):
    return build_network(backbone, 3)


def statistics(network):
    return {n: b.clone() for n, b in network.named_buffers()}


def step(network):
    network.train()
    network(torch.rand(4, 3, 64, 64)).sum().backward()


def test_the_same_seed_builds_the_same_network_and_disturbs_no_other_randomness(backbone):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first = build_network(backbone, 3, seed=1)
    assert torch.equal(torch.rand(1), expected)
    second = build_network(backbone, 3, seed=1)
    torch.testing.assert_close(first.state_dict(), second.state_dict(), rtol=0, atol=0)


def test_a_frozen_body_has_no_gradient_and_moves_no_statistics(network):
    network.freeze_except(frozenset(), "adapt")
    before = statistics(network)
    step(network)
    assert all(p.grad is None for p in network.body.parameters())
    assert network.head.weight.grad is not None
    torch.testing.assert_close(statistics(network), before, rtol=0, atol=0)


def test_only_the_named_stages_train_and_adapt(network):
    network.freeze_except(frozenset({"neck"}), "adapt")
    before = statistics(network)
    step(network)
    trained = {n for n, p in network.named_parameters() if p.grad is not None}
    assert trained == {
        *("body.conv_head.weight", "body.bn2.weight", "body.bn2.bias"),
        *("head.weight", "head.bias"),
    }
    moved = {n for n, b in network.named_buffers() if not torch.equal(b, before[n])}
    assert moved == {
        f"body.bn2.{kind}" for kind in ("running_mean", "running_var", "num_batches_tracked")
    }


def test_frozen_batch_norm_keeps_its_statistics_while_everything_trains(network, backbone):
    network.freeze_except(frozenset(backbone.stages), "frozen")
    before = statistics(network)
    step(network)
    assert all(p.grad is not None for p in network.parameters())
    torch.testing.assert_close(statistics(network), before, rtol=0, atol=0)


def test_what_is_frozen_stays_frozen_through_every_call_of_train(network):
    network.freeze_except(frozenset({"neck"}), "frozen")
    for _ in range(2):
        network.eval()
        network.train()
    assert not network.body.blocks.training
    assert not network.body.bn2.training
    assert network.body.conv_head.training
    assert network.head.training


def test_a_stage_of_bare_parameters_can_train(tmp_path):
    vit = build_network(built_in_registry().backbone("vit_b_16"), 2)
    vit.freeze_except(frozenset({"stem"}), "frozen")
    assert vit.body.class_token.requires_grad
    assert vit.body.encoder.pos_embedding.requires_grad
    assert not vit.body.encoder.layers.encoder_layer_0.mlp[0].weight.requires_grad


@pytest.mark.parametrize(
    ("name", "load"),
    [
        ("efficientnet_lite0", lambda: timm.create_model("tf_efficientnet_lite0", num_classes=3)),
        ("resnet18", lambda: torchvision.models.resnet18(num_classes=3)),
        ("mobilenet_v3_large", lambda: torchvision.models.mobilenet_v3_large(num_classes=3)),
    ],
)
def test_saved_tensors_fit_the_librarys_own_network_and_give_its_numbers(name, load):
    network = build_network(built_in_registry().backbone(name), 3).eval()
    original = load().eval()
    original.load_state_dict(network.library_state())
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(network(images), original(images), rtol=0, atol=0)


def test_library_names_come_back(network, backbone):
    other = build_network(backbone, 3, seed=9)
    other.load_library_state(network.library_state())
    torch.testing.assert_close(other.state_dict(), network.state_dict(), rtol=0, atol=0)


def test_a_phase_names_stages_that_exist(backbone):
    phase = DescendPhase(train="all", epochs=1, lr=1.0)
    assert trained_stages(phase, backbone) == set(backbone.stages)
    assert trained_stages(replace(phase, train="head"), backbone) == set()
    assert trained_stages(replace(phase, train=("neck",)), backbone) == {"neck"}
    with pytest.raises(RecipeError, match="no stage named layer9") as caught:
        trained_stages(replace(phase, train=("layer9",)), backbone)
    assert "stage1" in caught.value.hint


VIT = built_in_registry().backbone("vit_tiny_patch16_224.augreg_in21k_ft_in1k")


def test_a_transformer_is_rebuilt_for_another_size_as_timm_does_it():
    network = build_network(VIT, 3, size=96).eval()
    reference = timm.create_model(VIT.architecture, num_classes=3, img_size=96).eval()
    reference.load_state_dict(network.library_state())
    images = torch.rand(2, 3, 96, 96)
    with torch.no_grad():
        torch.testing.assert_close(network(images), reference(images), rtol=0, atol=0)


def test_its_position_embeddings_are_interpolated_from_the_pretrained_ones():
    from timm.layers import resample_abs_pos_embed

    own, other = build_network(VIT, 3), build_network(VIT, 3, size=96)
    expected = resample_abs_pos_embed(own.body.pos_embed, new_size=(6, 6), old_size=(14, 14))
    torch.testing.assert_close(other.body.pos_embed, expected, rtol=0, atol=0)
    assert torch.equal(own.body.blocks[3].mlp.fc1.weight, other.body.blocks[3].mlp.fc1.weight)


def test_rebuilding_for_its_own_size_changes_nothing():
    plain, rebuilt = build_network(VIT, 3), build_network(VIT, 3, size=224)
    torch.testing.assert_close(plain.state_dict(), rebuilt.state_dict(), rtol=0, atol=0)


def test_a_rebuilt_network_comes_back_from_its_model_folder(tmp_path):
    from zoo.model import ClassTarget, ModelConfig, load_model, save_model

    network = build_network(VIT, 2, size=96).eval()
    config = ModelConfig(
        backbone=VIT,
        preprocess=VIT.preprocess.at_size(96),
        target=ClassTarget(classes=("a", "b")),
        data_fingerprint="0" * 64,
        recipe="none",
        pretrained=False,
        zoo_version="0",
    )
    save_model(tmp_path, network, config)
    images = torch.rand(2, 3, 96, 96)
    with torch.no_grad():
        expected = network(images)
    torch.testing.assert_close(load_model(tmp_path).logits(images), expected, rtol=1e-5, atol=1e-6)


def test_an_entry_whose_weights_are_of_another_size_than_the_builders_is_built_for_them():
    """A registered model that was trained at 96 px is itself a backbone of 96 px."""
    entry = replace(VIT, preprocess=VIT.preprocess.at_size(96))
    assert build_network(entry, 2).body.pos_embed.shape == (1, 37, 192)
    assert build_network(entry, 2, size=64).body.pos_embed.shape == (1, 17, 192)
