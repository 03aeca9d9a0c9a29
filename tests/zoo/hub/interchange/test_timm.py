"""timm itself loads a model folder, here and from a Hub."""

import pytest
import timm
import torch
from timm.data import create_transform, resolve_model_data_config

from tests.export.small_models import KIND, POSE, TAGS, make_model
from zoo.hub.interchange.describe import write_interchange
from zoo.inputs.image import read_image
from zoo.model import load_model

TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}
"""Float32 noise: zoo computes in another memory layout, whose sums run in another order."""
REBUILT = "vit_tiny_patch16_224.augreg_in21k_ft_in1k"


@pytest.mark.parametrize(
    ("backbone", "target", "size"),
    [
        ("efficientnet_lite0", KIND, 64),
        (REBUILT, TAGS, 96),
        ("resnet18", POSE, 64),
        ("mobilenetv3_small_100.lamb_in1k", KIND, 64),
    ],
)
def test_timm_gives_the_models_own_outputs(tmp_path, backbone, target, size):
    model = make_model(tmp_path / "m", target, backbone=backbone, size=size)
    assert "timm" in write_interchange(tmp_path / "m").loads
    network = timm.create_model(f"local-dir:{tmp_path / 'm'}", pretrained=True).eval()
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = network(images)
    torch.testing.assert_close(found, model.outputs(images)[target.name], **TOLERANCE)


def test_timms_transform_leads_to_the_same_class(finished, tmp_path, pictures, ask):
    """Its resizing rounds pixels to 8 bits, so that outputs differ a little."""
    import shutil

    folder = shutil.copytree(finished.model_folder, tmp_path / "m")
    write_interchange(folder)
    network = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    transform = create_transform(**resolve_model_data_config(network), is_training=False)
    images = torch.stack([transform(read_image(path)) for path in pictures])
    model = load_model(folder)
    with torch.no_grad():
        found = network(images)
    torch.testing.assert_close(found, model.outputs(images)["label"], **TOLERANCE)
    assert found.argmax(1).tolist() == ask(model, pictures).argmax(1).tolist()
    assert network.pretrained_cfg["label_names"] == [*model.targets[0].classes]


def test_timm_loads_it_from_a_hub(hub, tmp_path):
    model = make_model(tmp_path / "m", KIND, backbone=REBUILT, size=96)
    write_interchange(tmp_path / "m")
    hub.commit("me/shapes", {f.name: f for f in (tmp_path / "m").iterdir() if f.is_file()})
    network = timm.create_model("hf-hub:me/shapes", pretrained=True).eval()
    images = torch.randn(2, 3, 96, 96)
    with torch.no_grad():
        found = network(images)
    torch.testing.assert_close(found, model.outputs(images)["kind"], **TOLERANCE)


def test_timm_refuses_what_it_has_not(tmp_path):
    make_model(tmp_path / "m", KIND, backbone="squeezenet1_1")
    write_interchange(tmp_path / "m")
    with pytest.raises(KeyError, match="architecture"):
        timm.create_model(f"local-dir:{tmp_path / 'm'}", pretrained=True)


def test_a_network_of_timms_can_be_fine_tuned_on_from_the_folder(tmp_path):
    """Its first layer takes other channels, its classifier other classes."""
    make_model(tmp_path / "m", KIND, backbone="efficientnet_lite0")
    write_interchange(tmp_path / "m")
    name = f"local-dir:{tmp_path / 'm'}"
    network = timm.create_model(name, pretrained=True, num_classes=9, in_chans=1)
    assert network(torch.randn(2, 1, 64, 64)).shape == (2, 9)
