"""Configurations of transformers, read without transformers."""

import json

import pytest

from zoo.backbones.entries.transformers_config import read_transformers
from zoo.errors import RegistryError

RESNET = {
    "model_type": "resnet",
    "architectures": ["ResNetForImageClassification"],
    "layer_type": "basic",
    "depths": [2, 2, 2, 2],
    "hidden_act": "relu",
    "num_labels": 3,
}
CONVNEXT = {
    "model_type": "convnext",
    "depths": [3, 3, 9, 3],
    "hidden_sizes": [96, 192, 384, 768],
    "hidden_act": "gelu",
}
SWIN = {"model_type": "swin", "embed_dim": 96, "depths": [2, 2, 6, 2], "hidden_act": "gelu"}


@pytest.fixture
def processor(tmp_path):
    path = tmp_path / "preprocessor_config.json"
    path.write_text(json.dumps({"size": 64, "image_mean": [0.5] * 3, "image_std": [0.25] * 3}))
    return path


@pytest.mark.parametrize("eps", [0, 1e-12, 1e-6, 1e-5])
def test_what_is_added_to_variances_may_be_float_noise(processor, eps):
    config, _ = read_transformers(CONVNEXT | {"layer_norm_eps": eps}, processor, "hf-hub:org/x")
    assert config.architecture == "convnext_tiny"


@pytest.mark.parametrize("eps", [1.1e-5, 0.1, -1e-12, "1e-12", None, [0]])
@pytest.mark.parametrize("field", ["layer_norm_eps", "batch_norm_eps", "eps"])
def test_more_is_unsupported(processor, field, eps):
    with pytest.raises(RegistryError, match=f"adds {field} = .*unsupported") as caught:
        read_transformers(CONVNEXT | {field: eps}, processor, "hf-hub:org/x")
    assert str(eps) in caught.value.problem
    assert caught.value.hint


@pytest.mark.parametrize("count", [10**9, 10**12, -1])
def test_a_number_of_outputs_that_cannot_be_is_refused(processor, count):
    with pytest.raises(RegistryError, match=rf"\$\.num_classes: .*not {count}"):
        read_transformers(RESNET | {"num_labels": count}, processor, "hf-hub:org/x")


def test_a_name_made_of_what_a_file_says_is_a_plain_one(processor):
    odd = SWIN | {"window_size": "7/../x", "image_size": 224}
    with pytest.raises(RegistryError, match=r"\$\.architecture"):
        read_transformers(odd, processor, "hf-hub:org/x")


@pytest.mark.parametrize("widths", [{"a": 1}, [None, 1], 3])
def test_fields_of_other_kinds_are_of_no_classifier(processor, widths):
    with pytest.raises(RegistryError, match="is no classifier of images that timm has too"):
        read_transformers(CONVNEXT | {"hidden_sizes": widths}, processor, "hf-hub:org/x")
