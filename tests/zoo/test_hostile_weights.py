"""A pickle with a payload is not run, by whatever name zoo is told to use it."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import cli
import export
import zoo as library
from tests.zoo.test_torch_files import Attack
from zoo.backbones.network import build_network
from zoo.backbones.sources import fetch_weights
from zoo.backbones.weights import load_pretrained
from zoo.errors import DamagedFileError, WeightsError, ZooError
from zoo.manifest import write_manifest
from zoo.model import load_model
from zoo.model_files import WEIGHTS
from zoo.registry import Weights
from zoo.storage import sha256_of, write_json
from zoo.targets import ClassTarget
from zoo.training.checkpoint import load_checkpoint

REPO = "org/model"


@pytest.fixture
def marker(tmp_path) -> Path:
    return tmp_path / "marker"


@pytest.fixture
def payload(tmp_path, marker) -> Path:
    """A weights file that makes a folder when it is unpickled."""
    torch.save({"conv_stem.weight": Attack(marker)}, tmp_path / "w.pth")
    return tmp_path / "w.pth"


def by_url(payload, request):
    web = request.getfixturevalue("web")
    request.getfixturevalue("torch_home")
    web.files["/w.pth"] = payload.read_bytes()
    return {"source": "url", "location": f"{web.address}/w.pth"}


def by_hub(payload, request):
    request.getfixturevalue("hub").commit(REPO, {"w.pth": payload.read_bytes()})
    return {"source": "hub", "location": REPO}


def by_folder(payload, request):
    return {"source": "local", "location": str(payload.parent)}


@pytest.mark.parametrize("place", [by_url, by_hub, by_folder])
def test_a_payload_of_known_sha256_is_read_and_not_run(place, payload, marker, backbone, request):
    """Whoever wrote the registry entry may have written the file, too."""
    weights = Weights(
        file="w.pth", sha256=sha256_of(payload), license="mit", **place(payload, request)
    )
    entry = replace(backbone, weights=replace(weights, match="name"))
    with pytest.raises(WeightsError, match=r"cannot be read: .*mkdir"):
        load_pretrained(_network(entry).body, entry, fetch_weights(entry.weights).path)
    assert not marker.exists()


@pytest.mark.parametrize("place", [by_hub, by_folder])
def test_a_payload_of_unknown_sha256_is_not_even_fetched(place, payload, marker, request):
    weights = Weights(file="w.pth", license="mit", **place(payload, request))
    with pytest.raises(WeightsError, match="a pickle of unknown sha256"):
        fetch_weights(weights)
    assert not marker.exists()


def test_a_payload_in_a_model_folder_is_not_run(untrained, payload, marker):
    folder = untrained(ClassTarget(name="label", classes=("a", "b")))
    (folder / WEIGHTS).write_bytes(payload.read_bytes())
    write_manifest(folder)
    with pytest.raises(DamagedFileError, match="model.safetensors is damaged"):
        load_model(folder)
    assert not marker.exists()


def test_a_payload_in_a_checkpoint_is_not_run(tmp_path, payload, marker):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    payload.rename(folder / "step.pt")
    pointer = {"format": 1, "file": "step.pt", "sha256": sha256_of(folder / "step.pt")}
    write_json(folder / "last.json", pointer)
    with pytest.raises(DamagedFileError, match="mkdir"):
        load_checkpoint(folder)
    assert not marker.exists()


@pytest.mark.parametrize("name", ["../step.pt", "/step.pt", "sub/step.pt", "", ".."])
def test_a_checkpoint_lies_in_its_folder(name, tmp_path, payload):
    write_json(tmp_path / "last.json", {"format": 1, "file": name, "sha256": "0" * 64})
    with pytest.raises(DamagedFileError, match=re.escape(f"it names {name!r}")):
        load_checkpoint(tmp_path)


def test_a_payload_on_the_command_line_is_not_run(zoo, payload, marker, photos):
    for command in (
        ["finetune", payload, photos],
        ["finetune", payload.parent, photos],
        ["predict", payload, photos],
        ["predict", payload.rename(payload.with_suffix(".onnx")), photos],
    ):
        assert zoo(*command).code == 1
    assert not marker.exists()


def test_tensors_larger_than_their_file_are_refused_before_they_are_copied(tmp_path, backbone):
    """timm's converters would copy what has another shape."""
    entry = replace(backbone, weights=replace(backbone.weights, match="name"))
    network = _network(entry).body
    state = network.state_dict() | {"conv_stem.weight": torch.zeros(1).expand(1 << 38)}
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="claims tensors that are not in it:\n  conv_stem"):
        load_pretrained(network, entry, tmp_path / "w.pth")


def test_a_value_in_the_place_of_a_tensor_is_a_misfit(tmp_path, backbone):
    entry = replace(backbone, weights=replace(backbone.weights, match="name"))
    network = _network(entry).body
    torch.save(network.state_dict() | {"conv_stem.weight": 3}, tmp_path / "w.pth")
    with pytest.raises(ZooError, match="conv_stem.weight has shape None instead of"):
        load_pretrained(network, entry, tmp_path / "w.pth")


def test_nothing_else_in_zoo_unpickles():
    """One place calls `torch.load`, and nothing calls what runs a pickle without being asked."""
    roots = [Path(package.__file__).parent for package in (library, export, cli)]
    sources = {path: path.read_text() for root in roots for path in sorted(root.rglob("*.py"))}
    loading = {path.name for path, text in sources.items() if re.search(r"torch\.load\(", text)}
    assert loading == {"torch_files.py"}
    forbidden = re.compile(
        r"pickle\.loads?\(|allow_pickle=True|import joblib|joblib\.\w+\(|torch\.hub\."
        r"|weights_only=False|\.get_state_dict\(|load_state_dict_from_url|trust_remote_code=True|torch\.jit\.load"
        r"|register_custom_ops_library|torch\.export\.load|unpack_archive|extractall"
    )
    found = {path.name: forbidden.findall(text) for path, text in sources.items()}
    assert not {name: calls for name, calls in found.items() if calls}


def _network(entry):
    return build_network(entry, {"label": 3})
