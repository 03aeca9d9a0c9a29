import pytest
from torch import nn

from zoo.backbones.claims import find_mistakes
from zoo.backbones.measure import build_on_meta, find_classifier, measure
from zoo.errors import RegistryError
from zoo.registry.files import built_in_registry

RESNET = built_in_registry().backbone("resnet18")


def test_a_network_on_meta_has_no_memory():
    network = build_on_meta("torchvision", "vgg16", 1000)
    assert all(p.device.type == "meta" for p in network.parameters())


def test_a_network_whose_constructor_computes_is_built_all_the_same():
    """RegNet rounds its widths with tensors, which `meta` has no values for."""
    network = build_on_meta("torchvision", "regnet_y_400mf", 1000)
    assert all(p.device.type == "meta" for p in network.parameters())


@pytest.mark.parametrize(
    ("builder", "architecture", "complaint"),
    [
        ("torch", "resnet18", "no builder named 'torch'"),
        ("torchvision", "resnet19", "torchvision cannot build 'resnet19'"),
        ("timm", "resnet19", "timm cannot build 'resnet19'"),
    ],
)
def test_what_cannot_be_built_is_an_error(builder, architecture, complaint):
    with pytest.raises(RegistryError, match=complaint):
        build_on_meta(builder, architecture, 1000)


def test_multiply_accumulates_are_those_that_the_papers_count():
    """ResNet-18: 1.8 G (He et al. 2015, table 1); VGG-16: 15.5 G; MobileNet v2: 0.30 G
    (Sandler et al. 2018, table 4)."""
    registry = built_in_registry()
    for name, papers in (("resnet18", 1.8e9), ("vgg16", 15.5e9), ("mobilenet_v2", 0.30e9)):
        assert registry.backbone(name).macs == pytest.approx(papers, rel=0.02)


def test_the_classifier_is_the_last_linear_layer_or_the_last_convolution():
    assert find_classifier(build_on_meta("torchvision", "vgg16", 1000)) == "classifier.6"
    assert find_classifier(build_on_meta("torchvision", "squeezenet1_1", 1000)) == "classifier.1"
    with pytest.raises(RegistryError, match="no linear layer"):
        find_classifier(nn.Sequential(nn.ReLU()))


def test_a_network_of_feature_maps_is_refused():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 1)).to("meta")
    with pytest.raises(RegistryError, match=r"instead of features \[B, D\]"):
        measure(network, 32)


@pytest.mark.parametrize(
    ("name", "smallest", "step", "fixed", "resizable"),
    [
        ("resnet18", 32, 1, False, False),
        ("inception_v3", 80, 1, False, False),
        ("vit_b_16", 224, 1, True, False),
        ("vit_small_patch16_dinov3.lvd1689m", 32, 16, False, False),
        ("vit_small_patch14_dinov2.lvd142m", 42, 14, True, True),
    ],
)
def test_the_sizes_that_a_network_takes_are_found(name, smallest, step, fixed, resizable):
    entry = built_in_registry().backbone(name)
    assert (entry.min_size, entry.size_step) == (smallest, step)
    assert (entry.fixed_size, entry.resizable) == (fixed, resizable)
    assert find_mistakes(entry) == []
