"""What zoo saves of torchvision's networks is timm's, as it lies there."""

import json
from dataclasses import replace

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from tests.export.small_models import KIND
from tests.zoo.backbones.shaken import shake, smallest
from zoo.backbones.entries.torchvision import describe_torchvision
from zoo.backbones.network import build_network
from zoo.hub.interchange.describe import write_interchange
from zoo.manifest import write_manifest
from zoo.model import ModelConfig, load_config, load_model, save_model, widths_of
from zoo.recipes import HeadRecipe
from zoo.registry import load_registry

TOLERANCE = 1e-5
"""Of the answers' spread. All compute in one memory layout: sums of another run in another order,
and networks of random weights make much of it. What is left is a linear layer of torchvision's
that is a convolution in timm's. With four float32 spacings at the largest answer, which a network
that answers all images nearly alike is not nearer to."""
QUICK = (
    "efficientnet_b0",
    "mnasnet1_0",
    "mobilenet_v2",
    "mobilenet_v3_large",
    "mobilenet_v3_small",
    "regnet_y_400mf",
    "resnet18",
)
SLOW = ("convnext_tiny", "efficientnet_v2_s", "swin_t", "swin_v2_t", "vgg11", "vit_b_32")


def made(folder, name: str, head: HeadRecipe | None = None):
    """Save and load a model with numbers that a network which mixed them up would not have."""
    known = load_registry().backbones
    entry = known[name] if name in known else describe_torchvision(name).backbone
    size = smallest(name)
    network = build_network(entry, widths_of([KIND]), head=head, size=size)
    shake(network)
    config = ModelConfig(
        backbone=entry,
        preprocess=entry.preprocess.at_size(size),
        targets=(KIND,),
        head=head or HeadRecipe(),
        data_fingerprint="0" * 64,
        recipe="none",
        pretrained=False,
        zoo_version="0",
    )
    save_model(folder, network, config)
    model = load_model(folder)
    assert_same_tensors(model.network, network)
    return model


def assert_same_tensors(found, expected):
    """Compare bit for bit, but for what Swin V2 never uses: its keys have no bias."""
    for name, value in expected.state_dict().items():
        loaded = found.state_dict()[name]
        if name.endswith("qkv.bias") and "swin_v2" in expected.backbone.architecture:
            value, loaded = (each.reshape(3, -1)[[0, 2]] for each in (value, loaded))
        torch.testing.assert_close(loaded, value, rtol=0, atol=0)


def pictures(model):
    size = model.preprocess.size
    return torch.randn(3, 3, size, size, generator=torch.Generator().manual_seed(1))


def require_same(network, model):
    """Compare another library's answers with the model's own."""
    images = pictures(model)
    expected = model.outputs(images)[KIND.name]
    with torch.no_grad():
        layout = {"memory_format": torch.channels_last}
        found = network.eval().to(**layout)(images.to(**layout))
    found = getattr(found, "logits", found)
    spacing = torch.finfo(torch.float32).eps * expected.abs().max()
    assert (found - expected).abs().max() < TOLERANCE * expected.std() + 4 * spacing


def compare(folder, name: str):
    """Compare timm's answers, and what a second save writes."""
    model = made(folder, name)
    write_interchange(folder)
    require_same(timm.create_model(f"local-dir:{folder}", pretrained=True), model)
    written = (folder / "model.safetensors").read_bytes()
    save_model(folder, model.network, model.config)
    assert (folder / "model.safetensors").read_bytes() == written


@pytest.mark.parametrize("name", QUICK)
def test_timm_gives_the_models_own_outputs(tmp_path, name):
    compare(tmp_path, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_timm_gives_the_models_own_outputs_in_large_families(tmp_path, name):
    compare(tmp_path, name)


def compare_with_transformers(folder, name: str):
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    transformers.utils.logging.disable_progress_bar()
    transformers.logging.set_verbosity_error()
    model = made(folder, name)
    assert "transformers" in write_interchange(folder).loads
    require_same(transformers.AutoModelForImageClassification.from_pretrained(folder), model)


@pytest.mark.parametrize("name", sorted({*QUICK} - {"mobilenet_v3_large"}))
def test_transformers_gives_the_models_own_outputs(tmp_path, name):
    compare_with_transformers(tmp_path, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SLOW, "densenet121", "inception_v3"])
def test_transformers_gives_the_models_own_outputs_in_large_families(tmp_path, name):
    compare_with_transformers(tmp_path, name)


def test_timm_fine_tunes_on_from_the_folder(tmp_path):
    """It takes other classes and channels, and is told of the epsilon all the same."""
    made(tmp_path, "mobilenet_v3_small")
    write_interchange(tmp_path)
    name = f"local-dir:{tmp_path}"
    network = timm.create_model(name, pretrained=True, num_classes=9, in_chans=1).eval()
    assert network(torch.randn(2, 1, 64, 64)).shape == (2, 9)
    assert network.bn1.eps == 0.001


@pytest.fixture
def earlier(tmp_path):
    """A model folder as zoo wrote it before, under torchvision's names."""

    def write(name: str):
        model = made(tmp_path, name)
        save_file(model.network.library_state(), tmp_path / "model.safetensors")
        content = json.loads((tmp_path / "zoo_config.json").read_bytes())
        del content["tensor_names"]
        (tmp_path / "zoo_config.json").write_text(json.dumps(content))
        write_manifest(tmp_path)
        return model

    return write


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "regnet_y_400mf"])
def test_a_file_with_torchvisions_names_still_loads(tmp_path, earlier, name):
    model = earlier(name)
    assert load_file(tmp_path / "model.safetensors").keys() == model.network.library_state().keys()
    images = pictures(model)
    found = load_model(tmp_path).outputs(images)
    torch.testing.assert_close(found, model.outputs(images), rtol=0, atol=0)


def test_a_file_with_torchvisions_names_is_kept_from_timm(tmp_path, earlier):
    earlier("mobilenet_v3_small")
    found = write_interchange(tmp_path)
    assert found.loads == ()
    assert "earlier zoo" in found.unloadable[0].reason
    assert "architecture" not in json.loads(found.files["config.json"])


@pytest.mark.parametrize("before", [True, False])
def test_training_begins_from_a_file_with_either_names(tmp_path, earlier, before):
    name = "mobilenet_v3_small"
    model = earlier(name) if before else made(tmp_path, name)
    entry = model.config.backbone
    entry = replace(entry, weights=replace(entry.weights, match="name"))
    weights = tmp_path / "model.safetensors"
    network = build_network(entry, {"other": 5}, weights=weights, seed=3)
    torch.testing.assert_close(
        network.body.state_dict(), model.network.body.state_dict(), rtol=0, atol=0
    )


def test_a_flattened_map_comes_back_without_the_layers_after_it(tmp_path):
    head = HeadRecipe(features="flattened", hidden=(4,))
    made(tmp_path, "mobilenet_v3_small", head)
    names = load_file(tmp_path / "model.safetensors").keys()
    assert "blocks.5.0.conv.weight" in names
    assert "conv_head.weight" not in names


def test_other_heads_keep_their_names_beside_timms(tmp_path):
    made(tmp_path, "mobilenet_v2", HeadRecipe(hidden=(4,)))
    names = load_file(tmp_path / "model.safetensors").keys()
    assert {"conv_stem.weight", f"zoo_heads.{KIND.name}.last.weight"} <= names
    assert not any(name.startswith("classifier") for name in names)
    assert load_config(tmp_path).tensor_names == "timm"
