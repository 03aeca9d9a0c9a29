import json

import pytest
import timm

from zoo.backbones.entries.timm_arguments import unusual_arguments


@pytest.mark.parametrize(
    ("architecture", "arguments"),
    [
        ("resnet10t", {}),
        ("resnet10t", {"num_classes": 4}),
        ("vit_tiny_patch16_224", {"img_size": 96}),
        ("mobilenetv3_small_050", {"drop_rate": 0.5}),
        ("convnext_atto", {}),
        ("swin_tiny_patch4_window7_224", {}),
    ],
)
def test_what_timm_writes_of_a_usual_network_is_nothing(tmp_path, architecture, arguments):
    network = timm.create_model(architecture, **arguments)
    timm.models.save_for_hf(network, tmp_path, safe_serialization=True)
    content = json.loads((tmp_path / "config.json").read_text())
    assert content["model_args"]
    assert unusual_arguments(content["pretrained_cfg"] | content) == {}


@pytest.mark.parametrize(
    "unusual",
    [{"global_pool": "max"}, {"in_chans": 1}, {"depth": 3}, {"img_size": [96, 96]}],
    ids=str,
)
def test_what_changes_the_network_is_kept(unusual):
    facts = {"architecture": "resnet10t", "num_classes": 4, "input_size": [3, 64, 64]}
    assert unusual_arguments(facts | {"model_args": {"num_classes": 4} | unusual}) == unusual


def test_another_way_to_pool_tokens_is_kept():
    facts = {"architecture": "vit_tiny_patch16_224", "model_args": {"global_pool": "avg"}}
    assert unusual_arguments(facts) == {"global_pool": "avg"}


def test_an_architecture_that_timm_has_not_is_left_to_who_builds_it():
    facts = {"architecture": "nonsense", "model_args": {"global_pool": "avg"}}
    assert unusual_arguments(facts) == {"global_pool": "avg"}
