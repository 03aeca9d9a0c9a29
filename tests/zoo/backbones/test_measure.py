from dataclasses import replace

import pytest
from torch import nn

from zoo.backbones.measure import build_on_meta, find_classifier, find_mistakes, measure
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
    ("change", "mistake"),
    [
        ({"num_params": 1}, "is 1, the network's is 11689512"),
        ({"macs": 5}, "is 5, the network's is 1814073344"),
        ({"feature_dim": 7}, "is 7, the network's is 512"),
        ({"fixed_size": True}, "is True, the network's is False"),
        ({"min_size": 1}, "is 1, the network takes 32 px"),
        ({"classifier": "layer4.1.conv2"}, "the network's last layer is fc"),
        ({"architecture": "resnet19"}, "cannot build"),
        ({"builder": "nowhere"}, "no builder named"),
    ],
)
def test_a_false_claim_is_found(change, mistake):
    (field,) = change
    found = find_mistakes(replace(RESNET, **change))
    assert any(mistake in m.text for m in found)
    assert field in {m.field for m in found} or field == "builder"


@pytest.mark.parametrize(
    ("stage", "paths", "mistake"),
    [
        ("layer9", ("layer9",), "names layer9, which has no parameter"),
        ("again", ("layer1.0",), "layer1.0.conv1.weight is in stage1 and again"),
    ],
)
def test_a_stage_that_cannot_be_is_found(stage, paths, mistake):
    entry = replace(RESNET, stages=RESNET.stages | {stage: paths})
    assert mistake in [m.text for m in find_mistakes(entry)]


def test_a_forgotten_parameter_is_found():
    stages = {name: paths for name, paths in RESNET.stages.items() if name != "stage4"}
    found = find_mistakes(replace(RESNET, stages=stages))
    assert ("stages", "layer4.0.conv1.weight is in no stage") in found


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
