from dataclasses import replace

import pytest
import timm
import torch
import torchvision
from safetensors.torch import load, save, save_file

from zoo.backbones.network import build_network, trained_stages
from zoo.backbones.weights import load_pretrained
from zoo.errors import RecipeError
from zoo.recipes import AfterFrozen, DescendPhase, HeadRecipe, TopStages
from zoo.registry.files import built_in_registry

ONE = {"label": 3}
ODD = ("a", "a.b", "a.b.last", "weight", "a weight", "größe 🦊", "last.weight", "body", "")
"""Names of targets, some of which begin others or look like parts of a network."""
MANY = {name: at + 1 for at, name in enumerate(ODD)}


@pytest.fixture
def network(backbone):
    return build_network(backbone, ONE)


def test_features_and_outputs_are_of_the_width_asked_for(backbone):
    network = build_network(backbone, {"kind": 3, "price": 1}).eval()
    images = torch.rand(2, 3, 64, 64)
    features = network.body(images)
    assert features.shape == (2, backbone.feature_dim)
    outputs = network(images)
    assert {name: tuple(value.shape) for name, value in outputs.items()} == {
        "kind": (2, 3),
        "price": (2, 1),
    }
    torch.testing.assert_close(network.answer(features), outputs, rtol=0, atol=0)


def statistics(network):
    return {n: b.clone() for n, b in network.named_buffers()}


def step(network):
    network.train()
    sum(outputs.sum() for outputs in network(torch.rand(4, 3, 64, 64)).values()).backward()


def test_the_same_seed_builds_the_same_network_and_disturbs_no_other_randomness(backbone):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first = build_network(backbone, ONE, seed=1)
    assert torch.equal(torch.rand(1), expected)
    second = build_network(backbone, ONE, seed=1)
    torch.testing.assert_close(first.state_dict(), second.state_dict(), rtol=0, atol=0)


def test_a_frozen_body_has_no_gradient_and_moves_no_statistics(network):
    network.freeze_except(frozenset(), "adapt")
    before = statistics(network)
    step(network)
    assert all(p.grad is None for p in network.body.parameters())
    assert network.heads["label"].last.weight.grad is not None
    torch.testing.assert_close(statistics(network), before, rtol=0, atol=0)


def test_only_the_named_stages_train_and_adapt(network):
    network.freeze_except(frozenset({"neck"}), "adapt")
    before = statistics(network)
    step(network)
    trained = {n for n, p in network.named_parameters() if p.grad is not None}
    assert trained == {
        *("body.conv_head.weight", "body.bn2.weight", "body.bn2.bias"),
        *("_heads.0.last.weight", "_heads.0.last.bias"),
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


def test_only_the_chosen_parameters_of_a_stage_train(network):
    chosen = {"body.bn2.bias"}
    network.freeze_except(frozenset({"neck"}), "adapt", chosen)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    step(network)
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    torch.optim.SGD(trained, lr=1.0, weight_decay=0.1).step()
    heads = {"_heads.0.last.weight", "_heads.0.last.bias"}
    changed = {n for n, v in network.state_dict().items() if not torch.equal(v, before[n])}
    statistics_of_stage = {n for n in before if n.startswith("body.bn2.running")}
    counter = {"body.bn2.num_batches_tracked"}
    assert changed == chosen | heads | statistics_of_stage | counter


def test_no_chosen_parameter_leaves_the_heads_alone(network):
    network.freeze_except(frozenset({"neck"}), "frozen", set())
    assert not any(p.requires_grad for p in network.body.parameters())
    assert all(p.requires_grad for p in network.heads["label"].parameters())


def test_freezing_again_forgets_what_trained_before(network, backbone):
    network.freeze_except(frozenset(backbone.stages), "adapt")
    network.freeze_except(frozenset({"neck"}), "frozen", {"body.bn2.weight"})
    names = {n for n, p in network.body.named_parameters() if p.requires_grad}
    assert names == {"bn2.weight"}


def test_dropout_of_a_frozen_stage_drops_nothing():
    entry = built_in_registry().backbone("vgg16")
    network = build_network(entry, ONE)
    network.freeze_except(frozenset(), "frozen")
    network.train()
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(network.body(images), network.body(images), rtol=0, atol=0)


def test_dropout_of_a_head_drops_only_in_training(backbone):
    network = build_network(backbone, ONE, head=HeadRecipe(dropout=0.5))
    network.freeze_except(frozenset(), "frozen")
    features = torch.rand(2, backbone.feature_dim)
    train, train_again = (network.train().answer(features)["label"] for _ in range(2))
    assert not torch.equal(train, train_again)
    network.eval()
    torch.testing.assert_close(network.answer(features), network.answer(features), rtol=0, atol=0)


def test_what_is_frozen_stays_frozen_through_every_call_of_train(network):
    network.freeze_except(frozenset({"neck"}), "frozen")
    for _ in range(2):
        network.eval()
        network.train()
    assert not network.body.blocks.training
    assert not network.body.bn2.training
    assert network.body.conv_head.training
    assert network.heads["label"].training


def test_a_stage_of_bare_parameters_can_train(tmp_path):
    vit = build_network(built_in_registry().backbone("vit_b_16"), {"label": 2})
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
    network = build_network(built_in_registry().backbone(name), ONE).eval()
    original = load().eval()
    original.load_state_dict(network.library_state())
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(network(images)["label"], original(images), rtol=0, atol=0)


HEADS = {
    "linear": HeadRecipe(),
    "hidden layers": HeadRecipe(hidden=(8, 4), dropout=0.1),
    "flattened": HeadRecipe(features="flattened"),
    "flattened, hidden layer": HeadRecipe(features="flattened", hidden=(4,)),
}


@pytest.mark.parametrize("outputs", [ONE, MANY], ids=["one target", "many targets"])
@pytest.mark.parametrize("head", HEADS)
def test_library_names_come_back(backbone, outputs, head):
    """As they do through a file."""
    network, other = (
        build_network(backbone, outputs, head=HEADS[head], size=64, seed=seed) for seed in (0, 9)
    )
    other.load_library_state(load(save(network.library_state())))
    torch.testing.assert_close(other.state_dict(), network.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize(("outputs", "head"), [(MANY, HeadRecipe()), (ONE, HEADS["flattened"])])
def test_heads_that_a_library_has_no_place_for_are_told_from_its_network(backbone, outputs, head):
    network = build_network(backbone, outputs, head=head, size=64)
    names = set(network.library_state())
    heads = {name for name in names if name.startswith("zoo_heads.")}
    assert len(heads) == 2 * len(outputs)
    assert names - heads == set(network.body.state_dict())


def test_values_are_written_in_the_users_units_also_before_they_are_folded(backbone):
    network = build_network(backbone, {"price": 1}).eval()
    network.heads["price"].answer_in((250.0,), (1e4,))
    other = build_network(backbone, {"price": 1}, seed=9).eval()
    other.load_library_state(network.library_state())
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        expected = network(images)["price"]
        # Float32 rounds 1e4 to a thousandth.
        torch.testing.assert_close(other(images)["price"], expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("head", ["linear", "hidden layers"])
@pytest.mark.parametrize("change", ["missing", "more", "shape"])
def test_a_state_that_does_not_fit_is_refused(backbone, head, change):
    network = build_network(backbone, MANY, head=HEADS[head])
    state = network.library_state()
    name = next(name for name in state if name.startswith("zoo_heads.a.b."))
    if change == "missing":
        del state[name]
    elif change == "more":
        state["zoo_heads.a.c.weight"] = torch.zeros(1)
    else:
        state[name] = state[name][:1]
    with pytest.raises(RuntimeError, match=r"Missing|Unexpected|size mismatch"):
        network.load_library_state(state)


def test_the_body_of_a_network_with_many_heads_is_a_backbone_for_the_next(backbone, tmp_path):
    network = build_network(backbone, MANY, seed=3)
    (tmp_path / "model.safetensors").write_bytes(save(network.library_state()))
    entry = replace(backbone, weights=replace(backbone.weights, match="name"))
    fresh = timm.create_model("tf_efficientnet_lite0", num_classes=1000)
    load_pretrained(fresh, entry, tmp_path / "model.safetensors")
    fresh.classifier = torch.nn.Identity()
    torch.testing.assert_close(fresh.state_dict(), network.body.state_dict(), rtol=0, atol=0)


def test_a_phase_names_stages_that_exist(backbone):
    phase = DescendPhase(train="all", epochs=1, lr=1.0)
    assert trained_stages(phase, backbone) == set(backbone.stages)
    assert trained_stages(replace(phase, train="head"), backbone) == set()
    assert trained_stages(replace(phase, train=("neck",)), backbone) == {"neck"}
    with pytest.raises(RecipeError, match="no stage named layer9") as caught:
        trained_stages(replace(phase, train=("layer9",)), backbone)
    assert "stage1" in caught.value.hint


def test_stages_are_counted_from_the_top_and_from_the_stem(backbone):
    """stem, stage1 … stage7, neck."""

    def trained(train):
        return trained_stages(DescendPhase(train=train, epochs=1, lr=1.0), backbone)

    assert trained(TopStages(top=2)) == {"stage7", "neck"}
    assert trained(AfterFrozen(freeze=7)) == {"stage7", "neck"}
    assert trained(TopStages(top=100)) == set(backbone.stages)
    assert trained(AfterFrozen(freeze=100)) == set()


VIT = built_in_registry().backbone("vit_tiny_patch16_224.augreg_in21k_ft_in1k")


def test_a_transformer_is_rebuilt_for_another_size_as_timm_does_it():
    network = build_network(VIT, ONE, size=96).eval()
    reference = timm.create_model(VIT.architecture, num_classes=3, img_size=96).eval()
    reference.load_state_dict(network.library_state())
    images = torch.rand(2, 3, 96, 96)
    with torch.no_grad():
        torch.testing.assert_close(network(images)["label"], reference(images), rtol=0, atol=0)


def test_its_position_embeddings_are_interpolated_from_the_pretrained_ones():
    from timm.layers import resample_abs_pos_embed

    own, other = build_network(VIT, ONE), build_network(VIT, ONE, size=96)
    expected = resample_abs_pos_embed(own.body.pos_embed, new_size=(6, 6), old_size=(14, 14))
    torch.testing.assert_close(other.body.pos_embed, expected, rtol=0, atol=0)
    assert torch.equal(own.body.blocks[3].mlp.fc1.weight, other.body.blocks[3].mlp.fc1.weight)


def test_rebuilding_for_its_own_size_changes_nothing():
    plain, rebuilt = build_network(VIT, ONE), build_network(VIT, ONE, size=224)
    torch.testing.assert_close(plain.state_dict(), rebuilt.state_dict(), rtol=0, atol=0)


def test_an_entry_whose_weights_are_of_another_size_than_the_builders_is_built_for_them():
    """A registered model that was trained at 96 px is itself a backbone of 96 px."""
    entry = replace(VIT, preprocess=VIT.preprocess.at_size(96))
    assert build_network(entry, ONE).body.pos_embed.shape == (1, 37, 192)
    assert build_network(entry, ONE, size=64).body.pos_embed.shape == (1, 17, 192)


def test_a_network_that_asks_for_the_version_of_its_tensors_is_given_it():
    """Files hold tensors alone, and torchvision's MNASNet loads none without a version."""
    entry = built_in_registry().backbone("mnasnet1_0")
    saved = build_network(entry, {"label": 2}, seed=1).library_state()
    network = build_network(entry, {"label": 2}, seed=2)
    network.load_library_state(saved)
    found = network.library_state()
    assert all(torch.equal(found[name], value) for name, value in saved.items())


def test_pretrained_weights_without_a_version_fit_it_too(tmp_path):
    entry = built_in_registry().backbone("mnasnet1_0")
    saved = build_network(entry, {"label": 2}, seed=1).library_state()
    save_file(saved, tmp_path / "weights.safetensors")
    network = build_network(entry, {"label": 3}, weights=tmp_path / "weights.safetensors")
    name = "layers.0.weight"
    assert torch.equal(network.library_state()[name], saved[name])
