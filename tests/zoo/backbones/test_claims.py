from dataclasses import replace

import pytest

from zoo.backbones.claims import find_mistakes
from zoo.registry.files import built_in_registry

RESNET = built_in_registry().backbone("resnet18")


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
