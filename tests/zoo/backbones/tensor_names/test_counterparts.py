"""A row of the table is one network in both libraries, under names that lead both ways."""

from dataclasses import replace

import pytest
import torch
from timm import create_model

from tests.zoo.backbones.shaken import shake, smallest
from zoo.backbones.builders import find_builder
from zoo.backbones.measure import build_on_meta
from zoo.backbones.tensor_names.counterparts import TORCHVISION_IN_TIMM

TOLERANCE = 1e-5
"""Of the answers' spread. Float32 noise: a linear layer of torchvision's VGG is a convolution in
timm's, and an epsilon of 0.001 or 1e-5, told apart by no name or shape, changes more."""
QUICK = (
    "densenet121",
    "efficientnet_b0",
    "inception_v3",
    "mnasnet0_5",
    "mobilenet_v2",
    "mobilenet_v3_large",
    "mobilenet_v3_small",
    "regnet_x_400mf",
    "regnet_y_400mf",
    "resnet18",
    "resnet50",
)
SLOW = tuple(sorted(TORCHVISION_IN_TIMM.keys() - QUICK))
ONE_OF_EACH_LARGE_FAMILY = (
    "convnext_tiny",
    "efficientnet_v2_s",
    "swin_t",
    "swin_v2_t",
    "vgg11_bn",
    "vit_b_32",
)


def differ(name: str, size: int) -> float:
    """Measure how far timm's answers are from torchvision's, of their spread."""
    row = TORCHVISION_IN_TIMM[name]
    theirs = find_builder("torchvision").build(name, 7).eval()
    shake(theirs)
    arguments = {**row.arguments, **({"img_size": size} if row.sized else {})}
    timms = create_model(row.architecture, num_classes=7, **arguments).eval()
    timms.load_state_dict(row.names.to_timm(theirs.state_dict()))
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = theirs(images)
        return float((timms(images) - expected).abs().max() / expected.std())


def compare_names(name: str) -> None:
    """Compare what a file holds with what timm's network does, and the way back."""
    row = TORCHVISION_IN_TIMM[name]
    own = build_on_meta("torchvision", name, 7).state_dict()
    timms = build_on_meta("timm", row.architecture, 7).state_dict()
    file = row.names.to_timm(own)
    assert shapes_of(file) == shapes_of(timms)
    assert shapes_of(row.names.to_own(file, own)) == shapes_of(own)
    for each in own.keys() & file.keys():
        assert each in row.names.to_timm({each: own[each]}), f"{each} is two tensors"


def shapes_of(state) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in state.items()}


@pytest.mark.parametrize("name", QUICK)
def test_both_give_the_same_answers(name):
    assert differ(name, smallest(name)) < TOLERANCE


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.parametrize("name", SLOW)
def test_both_give_the_same_answers_in_every_size(name):
    assert differ(name, smallest(name)) < TOLERANCE


@pytest.mark.parametrize("name", [*QUICK, *ONE_OF_EACH_LARGE_FAMILY])
def test_names_and_shapes_are_timms_and_lead_back(name):
    compare_names(name)


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.parametrize("name", sorted(set(SLOW) - set(ONE_OF_EACH_LARGE_FAMILY)))
def test_names_and_shapes_are_timms_in_every_size(name):
    compare_names(name)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "inside", "outside"), [("vgg11", 250, 256), ("swin_t", 448, 256), ("swin_t", 224, 288)]
)
def test_where_sizes_are_told_others_are_taken_otherwise(name, inside, outside):
    sizes = TORCHVISION_IN_TIMM[name].sizes
    assert inside in sizes
    assert outside not in sizes
    assert differ(name, inside) < TOLERANCE
    assert differ(name, outside) > 100 * TOLERANCE


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "efficientnet_v2_s"])
def test_without_the_epsilon_timm_answers_otherwise(name, monkeypatch):
    """The names alone would load, and answer wrongly."""
    row = replace(TORCHVISION_IN_TIMM[name], arguments={})
    monkeypatch.setitem(TORCHVISION_IN_TIMM, name, row)
    assert differ(name, smallest(name)) > 10 * TOLERANCE
