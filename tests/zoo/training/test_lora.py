import io

import pytest
import timm
import torch
import torchvision
from torch import nn

from zoo.errors import RecipeError
from zoo.recipes import Lora
from zoo.training.lora import add_lora, lora_parameters, merge_lora

LORA = Lora(rank=2, alpha=8.0)


def torchvision_swin():
    return torchvision.models.SwinTransformer([4, 4], 16, [1, 1], [2, 2], [2, 2], num_classes=3)


def torchvision_vit():
    return torchvision.models.VisionTransformer(32, 8, 2, 2, 32, 64, num_classes=3)


def timm_swin_v2():
    return timm.create_model(
        "swinv2_tiny_window8_256",
        img_size=32,
        window_size=4,
        embed_dim=16,
        depths=(1, 1),
        num_heads=(2, 2),
        num_classes=3,
    )


def timm_network(name):
    return timm.create_model(name, img_size=32, embed_dim=24, depth=2, num_heads=2, num_classes=3)


NETWORKS = {
    "timm vit": (lambda: timm_network("vit_tiny_patch16_224"), ["blocks"]),
    "timm deit": (lambda: timm_network("deit_tiny_patch16_224"), ["blocks.1"]),
    "timm beit": (lambda: timm_network("beit_base_patch16_224"), ["blocks"]),
    "timm swin v2": (timm_swin_v2, ["layers"]),
    "torchvision vit": (torchvision_vit, ["encoder.layers", "class_token"]),
    "torchvision swin": (torchvision_swin, ["features"]),
}
"""Among them are those that use weights of layers without calling the layers."""


@pytest.fixture(params=list(NETWORKS))
def case(request):
    build, paths = NETWORKS[request.param]
    torch.manual_seed(1)
    body = build().eval()
    for value in body.parameters():  # some begin as zeros, which would hide what is below them
        value.data.add_(torch.randn_like(value), alpha=0.05)
    return body, paths


IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(2))


def adapt(body, paths, lora=LORA):
    """Add updates as training would leave them: none is zero."""
    add_lora(body, paths, lora, seed=3)
    with torch.random.fork_rng():
        torch.manual_seed(4)
        for name, value in lora_parameters(body).items():
            if name.endswith("up"):
                nn.init.normal_(value, std=0.1)


def copy_of(body):
    return {name: value.clone() for name, value in body.state_dict().items()}


def test_nothing_changes_until_the_updates_train(case):
    body, paths = case
    before = body(IMAGES)
    add_lora(body, paths, LORA, seed=3)
    # The weights are the same numbers elsewhere in memory, which may reorder a sum.
    torch.testing.assert_close(body(IMAGES), before, rtol=0, atol=1e-6)


def test_every_update_reaches_the_output_and_nothing_else_trains(case):
    body, paths = case
    adapt(body, paths)
    body.train()(IMAGES).square().sum().backward()
    updates = lora_parameters(body)
    assert updates
    assert all(value.grad.abs().max() > 0 for value in updates.values())
    trained = {id(value) for value in body.parameters() if value.requires_grad}
    assert trained == {id(value) for value in updates.values()}


def test_every_linear_layer_below_the_paths_is_adapted(case):
    body, paths = case
    wanted = [
        (path, module)
        for path, module in body.named_modules()
        if path.startswith(tuple(paths)) and isinstance(module, nn.Linear | nn.MultiheadAttention)
    ]
    add_lora(body, paths, LORA, seed=3)
    assert len(lora_parameters(body)) == 2 * len(wanted) > 0


def test_merging_gives_back_the_librarys_network_with_the_same_outputs(case):
    body, paths = case
    names, classes = list(body.state_dict()), [type(module) for module in body.modules()]
    identities = {name: id(value) for name, value in body.named_parameters()}
    adapt(body, paths)
    with torch.no_grad():
        adapted = body(IMAGES)
        merge_lora(body)
        # The merged weight is computed by the very operation that the forward pass used.
        torch.testing.assert_close(body(IMAGES), adapted, rtol=0, atol=1e-6)
    assert list(body.state_dict()) == names
    assert [type(module) for module in body.modules()] == classes
    assert {name: id(value) for name, value in body.named_parameters()} == identities
    assert not lora_parameters(body)


def test_what_merging_adds_has_the_rank_and_the_rest_its_bits(case):
    body, paths = case
    before = copy_of(body)
    adapt(body, paths)
    adapted = {n.partition(".parametrizations.") for n in lora_parameters(body)}
    changed = {f"{path}.{rest.partition('.')[0]}" for path, _, rest in adapted}
    merge_lora(body)
    for name, value in body.state_dict().items():
        if name not in changed:
            assert torch.equal(value, before[name])
        else:
            singular = torch.linalg.svdvals(value.double() - before[name].double())
            assert singular[1] > 1e-3
            assert singular[2:].sum() < 1e-5  # the rounding of float32 has full rank


def test_updates_are_scaled_by_alpha_over_rank():
    body = nn.Sequential(nn.Linear(4, 3, bias=False))
    before = body[0].weight.detach().clone()
    adapt(body, ["0"], Lora(rank=2, alpha=6.0))
    update = {name.rpartition(".")[2]: value for name, value in lora_parameters(body).items()}
    expected = before + 3.0 * update["up"] @ update["down"]
    merge_lora(body)
    torch.testing.assert_close(body[0].weight.detach(), expected.detach(), rtol=0, atol=1e-6)


def test_the_seed_alone_decides_the_first_weights():
    def first(seed):
        body = nn.Sequential(nn.Linear(4, 3))  # moves the global random state on
        add_lora(body, ["0"], LORA, seed=seed)
        return next(v for n, v in lora_parameters(body).items() if n.endswith("down"))

    assert torch.equal(first(0), first(0))
    assert not torch.equal(first(0), first(1))


def test_a_checkpoint_amid_the_phase_is_read_after_the_same_call(case):
    body, paths = case
    before = copy_of(body)
    adapt(body, paths)
    buffer = io.BytesIO()
    torch.save(body.state_dict(), buffer)
    with torch.no_grad():
        adapted = body(IMAGES)
    buffer.seek(0)
    merge_lora(body)
    body.load_state_dict(before)
    add_lora(body, paths, LORA, seed=99)
    body.load_state_dict(torch.load(buffer, weights_only=True))
    with torch.no_grad():
        assert torch.equal(body(IMAGES), adapted)


def test_merged_weights_train_again():
    body = nn.Sequential(nn.Linear(4, 3))
    adapt(body, ["0"])
    merge_lora(body)
    body.requires_grad_()
    before = body[0].weight.detach().clone()
    body(torch.ones(1, 4)).sum().backward()
    torch.optim.SGD(body.parameters(), lr=0.1).step()
    assert not torch.equal(body[0].weight, before)


def test_dropout_hides_features_from_the_update_in_training_only():
    body = nn.Sequential(nn.Linear(64, 3, bias=False))
    body[0].weight.data.zero_()
    adapt(body, ["0"], Lora(rank=2, dropout=0.5))
    hidden = (body.train()[0].weight == 0).all(dim=0)
    assert 0 < hidden.sum() < 64
    kept = body.eval()[0].weight.detach().clone()
    assert (kept != 0).any(dim=0).all()
    merge_lora(body.train())
    assert torch.equal(body[0].weight, kept)


def test_an_update_keeps_float32_under_autocast():
    body = nn.Sequential(nn.Linear(8, 3))
    adapt(body, ["0"])
    plain = body[0].weight.detach()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(body[0].weight.detach(), plain)


def test_a_path_that_only_begins_alike_is_not_adapted():
    body = nn.ModuleDict({"block1": nn.Linear(2, 2), "block10": nn.Linear(2, 2)})
    add_lora(body, ["block1"], LORA, seed=0)
    assert all(name.startswith("block1.") for name in lora_parameters(body))


def test_a_network_without_linear_layers_is_an_error():
    body = torchvision.models.resnet18()
    with pytest.raises(RecipeError, match="lora updates linear layers"):
        add_lora(body, ["layer3", "layer4"], LORA, seed=0)


def plain_transformer():
    """Attention and MLPs whose layers are called, which is all that peft adapts."""
    torch.manual_seed(6)
    return timm_network("vit_tiny_patch16_224").double().eval()


def with_peft(body, paths, lora, updates):
    """Adapt a network with peft, with our updates in its layers."""
    peft = pytest.importorskip("peft")
    names = [
        path
        for path, module in body.named_modules()
        if isinstance(module, nn.Linear) and path.startswith(tuple(paths))
    ]
    config = peft.LoraConfig(r=lora.rank, lora_alpha=lora.alpha, target_modules=names)
    peft.inject_adapter_in_model(config, body)
    for name in names:
        layer = body.get_submodule(name).double()
        ours = f"{name}.parametrizations.weight.0"
        layer.lora_A["default"].weight.data.copy_(updates[f"{ours}.down"])
        layer.lora_B["default"].weight.data.copy_(updates[f"{ours}.up"])
    return body, names


def test_a_network_is_adapted_and_merged_as_peft_does():
    """In float64, where the sums in another order agree to a dozen digits."""
    lora, paths, images = Lora(rank=3, alpha=7.0), ["blocks"], IMAGES.double()
    ours, theirs = plain_transformer(), plain_transformer()
    adapt(ours, paths, lora)
    theirs, names = with_peft(theirs, paths, lora, dict(lora_parameters(ours)))
    assert len(names) == 2 * 4
    found, expected = ours(images), theirs(images)
    assert (found - plain_transformer()(images)).abs().max() > 1e-3
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
    found.square().sum().backward()
    expected.square().sum().backward()
    for name in names:
        update = ours.get_submodule(name).parametrizations["weight"][0]
        layer = theirs.get_submodule(name)
        pairs = ((update.down, layer.lora_A), (update.up, layer.lora_B))
        for mine, adapter in pairs:
            assert mine.grad.abs().max() > 1e-6
            wanted = adapter["default"].weight.grad
            torch.testing.assert_close(mine.grad, wanted, rtol=1e-9, atol=1e-12)
    merge_lora(ours)
    for name in names:
        layer = theirs.get_submodule(name)
        layer.merge()
        merged = ours.get_submodule(name).weight
        torch.testing.assert_close(merged, layer.base_layer.weight, rtol=1e-12, atol=1e-14)


def test_updates_begin_as_peft_begins_them():
    """`down` uniform to the same bound, `up` zero, with the same factor before them."""
    ours, theirs = plain_transformer(), plain_transformer()
    add_lora(ours, ["blocks"], LORA, seed=3)
    updates = lora_parameters(ours)
    theirs, names = with_peft(theirs, ["blocks"], LORA, updates)
    fresh, _ = with_peft(plain_transformer(), ["blocks"], LORA, updates)
    for name in names:
        update = ours.get_submodule(name).parametrizations["weight"][0]
        layer = fresh.get_submodule(name)
        assert update.scale == layer.scaling["default"]
        layer.reset_lora_parameters("default", init_lora_weights=True)
        bound = update.down.shape[1] ** -0.5
        for down in (update.down, layer.lora_A["default"].weight):
            # Of 48 uniform numbers one is above 0.8 of the bound but for once in 44,000.
            assert 0.8 * bound < down.abs().max() <= bound
        assert not update.up.any()
        assert not layer.lora_B["default"].weight.any()
