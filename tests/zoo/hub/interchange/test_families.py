"""Classifiers of transformers, taken over: the real library's own, with random weights."""

import json

import pytest
import torch

from tests.transformers_models import NAMES, SMALL, save, transformers
from zoo.backbones.tensor_names.transformers import FAMILIES
from zoo.errors import RegistryError
from zoo.hub.interchange.adopt import adopt
from zoo.model import load_model

TOLERANCE = {"rtol": 1e-4, "atol": 2e-5}
"""Float32 noise; the two add a tiny number to variances that is not the same."""


def test_every_family_is_tried():
    assert SMALL.keys() == FAMILIES.keys()


@pytest.mark.parametrize("kind", [kind for kind in SMALL if kind != "swin"])
def test_it_answers_as_transformers_does(tmp_path, kind):
    compare(tmp_path, kind)


@pytest.mark.slow
def test_a_swin_answers_as_transformers_does(tmp_path):
    compare(tmp_path, "swin")


def compare(place, kind: str) -> None:
    original = save(place / "files", kind)
    adopt(place / "files", f"org/{kind}", "0" * 40, place / "model")
    model = load_model(place / "model")
    size = SMALL[kind][2]
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = original(images).logits
    assert expected.std() > 0.05
    torch.testing.assert_close(model.outputs(images)["label"], expected, **TOLERANCE)
    assert model.targets[0].classes == tuple(NAMES.values())
    assert model.preprocess.std == (0.25, 0.25, 0.25)


def test_what_transformers_wraps_and_saves_comes_back(tmp_path):
    """A network of timm's, saved by `save_pretrained`."""
    import timm

    network = timm.create_model("resnet10t", num_classes=3).eval()
    timm.models.save_for_hf(
        network, tmp_path / "timm", {"label_names": [*NAMES.values()]}, safe_serialization=True
    )
    # transformers 5.23 trips over arguments that it gives itself.
    config = tmp_path / "timm" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"model_args": {}}))
    wrapper = transformers.AutoModelForImageClassification.from_pretrained(tmp_path / "timm")
    wrapper.save_pretrained(tmp_path / "files")
    adopt(tmp_path / "files", "org/x", "0" * 40, tmp_path / "model")
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        expected = network(images)
    found = load_model(tmp_path / "model")
    torch.testing.assert_close(found.outputs(images)["label"], expected, **TOLERANCE)
    assert found.targets[0].classes == tuple(NAMES.values())


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("vit", "hidden_size", 200),
        ("vit", "hidden_act", "relu"),
        ("vit", "qkv_bias", False),
        ("resnet", "downsample_in_bottleneck", True),
        ("resnet", "depths", [9, 9]),
        ("convnextv2", "hidden_sizes", [40, 80, 160, 300]),
    ],
)
def test_sizes_that_timm_has_not_are_refused(tmp_path, kind, field, value):
    save(tmp_path / "files", kind)
    path = tmp_path / "files" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
    with pytest.raises(RegistryError, match=f"{kind}, .*ForImageClassification"):
        adopt(tmp_path / "files", "org/x", "0" * 40, tmp_path / "model")
