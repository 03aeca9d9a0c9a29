import pytest
import timm
import torch
import torchvision
from torch import nn

from zoo.training.parameters import bias_ids, norm_ids, select_parameters, undecayed_ids


def names(body, ids):
    return {name for name, value in body.named_parameters() if id(value) in ids}


@pytest.fixture(scope="module")
def vit():
    return timm.create_model("vit_tiny_patch16_224", img_size=32, depth=1, num_classes=0)


@pytest.fixture(scope="module")
def torchvision_vit():
    return torchvision.models.VisionTransformer(32, 8, 1, 2, 32, 64, num_classes=5)


def test_biases_are_all_biases_those_of_norms_included(vit, torchvision_vit):
    assert names(vit, bias_ids(vit)) == {n for n, _ in vit.named_parameters() if "bias" in n}
    attention = "encoder.layers.encoder_layer_0.self_attention"
    found = names(torchvision_vit, bias_ids(torchvision_vit))
    assert {f"{attention}.in_proj_bias", f"{attention}.out_proj.bias"} <= found


def test_a_table_of_relative_positions_is_no_bias():
    swin = torchvision.models.SwinTransformer([4, 4], 16, [1, 1], [2, 2], [2, 2])
    assert not any("table" in name for name in names(swin, bias_ids(swin)))
    grid = nn.Module()
    grid.bias = nn.Parameter(torch.zeros(2, 3))
    assert bias_ids(grid) == set()


def test_norms_are_found_by_type_whatever_they_are_called():
    body = nn.Sequential(
        nn.Conv2d(3, 4, 1),
        nn.BatchNorm2d(4),
        timm.layers.LayerNorm2d(4),
        torchvision.models.convnext.LayerNorm2d(4),
        nn.GroupNorm(2, 4),
        timm.layers.RmsNorm2d(4),
        timm.layers.BatchNormAct2d(4),
        nn.RMSNorm(4),
        nn.InstanceNorm2d(4, affine=True),
    )
    assert names(body, norm_ids(body)) == {
        f"{at}.{name}" for at in range(1, 9) for name in ("weight", "bias")
    } - {"5.bias", "7.bias"}


def test_a_layer_that_is_only_called_norm_is_none():
    body = nn.ModuleDict({"norm": nn.Linear(2, 2)})
    assert norm_ids(body) == set()


def test_selecting_keeps_one_kind_under_the_names_it_was_given(vit):
    block = {f"x.{name}": value for name, value in vit.blocks.named_parameters()}
    assert select_parameters(vit, block, "all") == block
    assert set(select_parameters(vit, block, "biases")) == {n for n in block if "bias" in n}
    assert set(select_parameters(vit, block, "norms")) == {n for n in block if ".norm" in n}


def test_embeddings_that_the_library_names_do_not_decay(vit, torchvision_vit):
    assert {"cls_token", "pos_embed"} <= names(vit, undecayed_ids(vit))
    found = names(torchvision_vit, undecayed_ids(torchvision_vit))
    assert {"class_token", "encoder.pos_embedding"} <= found


def test_all_matrices_and_kernels_of_a_convolutional_network_decay():
    body = torchvision.models.resnet18(num_classes=2)
    decayed = {n for n, _ in body.named_parameters()} - names(body, undecayed_ids(body))
    assert decayed == {n for n, value in body.named_parameters() if value.ndim > 1}


def test_a_norm_over_several_dimensions_does_not_decay():
    body = nn.Sequential(nn.LayerNorm((2, 3)))
    assert names(body, undecayed_ids(body)) == {"0.weight", "0.bias"}
