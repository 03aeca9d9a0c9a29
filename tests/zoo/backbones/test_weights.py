from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from zoo.backbones.builders import find_builder
from zoo.backbones.sources import fetch_weights
from zoo.backbones.weights import load_pretrained
from zoo.errors import WeightsError
from zoo.registry import load_registry


def fresh(entry, num_classes=3):
    """A network with random weights and, for speed, few classes."""
    return find_builder(entry.builder).build(entry.architecture, num_classes)


def same(first, second):
    """The names of tensors that are bit for bit the same in both."""
    return {name for name in first if torch.equal(first[name], second[name])}


@pytest.fixture
def by_name(backbone):
    """An entry whose file names its tensors as the network does."""
    return replace(backbone, weights=replace(backbone.weights, match="name"))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "w.safetensors"


def test_packaged_weights_fill_the_network_and_leave_its_classifier_alone(backbone):
    path = fetch_weights(backbone.weights).path
    network = fresh(backbone)
    classifier = network.classifier.weight.clone()
    load_pretrained(network, backbone, path)
    names = [name for name in network.state_dict() if not name.startswith("classifier.")]
    published = dict(zip(names, torch.load(path, weights_only=True).values(), strict=False))
    assert same(published, network.state_dict()) == set(names)
    assert torch.equal(network.classifier.weight, classifier)


def test_tensors_are_matched_by_name_in_any_order(by_name, path):
    original = fresh(by_name).state_dict()
    save_file(dict(sorted(original.items(), reverse=True)), path)
    network = fresh(by_name)
    load_pretrained(network, by_name, path)
    assert set(original) - same(original, network.state_dict()) == {"classifier.weight"}


@pytest.mark.parametrize("num_classes", [0, 5])
def test_a_file_with_another_classifier_or_none_fits(by_name, path, num_classes):
    original = fresh(by_name, num_classes).state_dict()
    save_file(original, path)
    network = fresh(by_name)
    load_pretrained(network, by_name, path)
    assert torch.equal(network.conv_head.weight, original["conv_head.weight"])


def test_side_outputs_in_a_file_are_left_out(path):
    entry = load_registry().backbone("googlenet")
    original = fresh(entry).state_dict()
    save_file(original | {"aux1.fc1.weight": torch.zeros(2), "aux2.fc1.bias": torch.zeros(2)}, path)
    network = fresh(entry)
    load_pretrained(network, entry, path)
    assert torch.equal(network.conv1.conv.weight, original["conv1.conv.weight"])


def test_weights_as_their_makers_published_them_are_brought_into_the_librarys_form(tmp_path):
    """This one has its patches as the rows of a matrix, and everything under `model`."""
    entry = load_registry().backbone("deit_tiny_patch16_224.fb_in1k")
    original = fresh(entry).state_dict()
    patches = original["patch_embed.proj.weight"]
    published = original | {"patch_embed.proj.weight": patches.flatten(1)}
    torch.save({"model": published, "epoch": 300}, tmp_path / "w.pth")
    network = fresh(entry)
    load_pretrained(network, entry, tmp_path / "w.pth")
    assert torch.equal(network.patch_embed.proj.weight, patches)


def test_tensors_that_do_not_fit_are_all_named_and_nothing_is_filled(by_name, path):
    state = fresh(by_name).state_dict()
    state["bn1.weight"] = torch.zeros(7)
    state["more"] = torch.zeros(1)
    del state["bn2.bias"]
    save_file(state, path)
    network = fresh(by_name)
    before = network.conv_stem.weight.clone()
    with pytest.raises(WeightsError, match="do not fit efficientnet_lite0") as caught:
        load_pretrained(network, by_name, path)
    assert "bn1.weight has shape [7] instead of [32]" in caught.value.problem
    assert "bn2.bias is missing" in caught.value.problem
    assert "more is not in the network" in caught.value.problem
    assert torch.equal(network.conv_stem.weight, before)


@pytest.mark.parametrize(
    "name", ["swin_tiny_patch4_window7_224.ms_in1k", "caformer_s18.sail_in22k_ft_in1k"]
)
def test_weights_that_the_library_cannot_convert_do_not_fit(name, path):
    """Its converters fail in their own ways on what they do not know."""
    entry = load_registry().backbone(name)
    state = fresh(entry).state_dict()
    save_file({f"module.{key}": value for key, value in state.items()}, path)
    with pytest.raises(WeightsError, match=f"do not fit {name}"):
        load_pretrained(fresh(entry), entry, path)


def test_a_file_in_another_order_is_refused(backbone, path):
    state = fresh(backbone).state_dict()
    first, *rest = state.items()
    torch.save(dict([*rest, first]), path.with_suffix(".pth"))
    with pytest.raises(WeightsError, match="not in the network's order"):
        load_pretrained(fresh(backbone), backbone, path.with_suffix(".pth"))


def test_a_pickle_that_runs_code_is_not_run(by_name, tmp_path):
    class Attack:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "owned",))

    torch.save({"a": Attack()}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"w\.pth cannot be read"):
        load_pretrained(fresh(by_name), by_name, tmp_path / "w.pth")
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
@pytest.mark.parametrize("content", [b"", b"no weights", bytes(1000)])
def test_what_is_no_weights_file_cannot_be_read(by_name, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match="cannot be read"):
        load_pretrained(fresh(by_name), by_name, tmp_path / name)


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_half_a_file_cannot_be_read(by_name, tmp_path, name):
    save = save_file if name.endswith("safetensors") else torch.save
    save({"a": torch.zeros(1000)}, tmp_path / name)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match="cannot be read"):
        load_pretrained(fresh(by_name), by_name, tmp_path / name)


@pytest.mark.parametrize("content", [torch.zeros(3), [torch.zeros(3)], {1: torch.zeros(3)}, None])
def test_a_file_that_does_not_name_its_tensors_is_refused(by_name, tmp_path, content):
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="holds no named tensors"):
        load_pretrained(fresh(by_name), by_name, tmp_path / "w.pth")
