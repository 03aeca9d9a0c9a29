import json
import shutil
from pathlib import Path

import pytest

from zoo.backbones.check import check_file
from zoo.backbones.network import build_network
from zoo.backbones.register import register
from zoo.backbones.sources import fetch_weights
from zoo.errors import RegistryError, WeightsError
from zoo.model import load_model
from zoo.registry import lineage, load_registry

FILE = Path("zoo.registry.json")


@pytest.fixture
def run(finished):
    """A copy of the finished run, below the working folder."""
    return Path(shutil.copytree(finished.path, "runs/cats"))


def test_a_registered_model_is_an_entry_with_relative_weights_that_checks_out(run):
    register(run, "cats", FILE)
    written = json.loads(FILE.read_text())["backbones"][0]
    assert written["weights"]["location"] == "runs/cats/model"
    assert check_file(FILE) == []
    registry = load_registry()
    assert registry.backbone("cats").weights.location == str((run / "model").resolve())
    assert lineage(registry, "cats") == ("cats", "efficientnet_lite0")


def test_its_weights_are_those_of_the_model(run):
    import torch

    register(run, "cats", FILE)
    entry = load_registry().backbone("cats")
    network = build_network(entry, {"label": 5}, weights=fetch_weights(entry.weights).path)
    trained = load_model(run / "model").network.library_state()
    for name, value in network.library_state().items():
        assert torch.equal(value, trained[name]) != name.startswith("classifier.")


def test_what_is_in_the_file_already_stays(run):
    FILE.write_text(json.dumps({"version": 1, "changes": {"resnet50": {"notes": "kept"}}}))
    register(run, "cats", FILE)
    register(run, "dogs", FILE)
    registry = load_registry()
    assert {"cats", "dogs"} <= set(registry.backbones)
    assert registry.backbone("resnet50").notes == "kept"


def test_a_name_is_not_given_twice_unless_told(run):
    register(run, "cats", FILE)
    before = FILE.read_bytes()
    with pytest.raises(RegistryError, match="already has an entry named 'cats'") as caught:
        register(run, "cats", FILE)
    assert "--overwrite" in caught.value.hint
    assert FILE.read_bytes() == before
    register(run, "cats", FILE, overwrite=True)
    assert len(json.loads(FILE.read_text())["backbones"]) == 1


def test_a_name_that_hides_another_registrys_entry_is_refused_unless_told(run):
    with pytest.raises(RegistryError, match="built-in already has an entry named 'resnet50'"):
        register(run, "resnet50", FILE)
    register(run, "resnet50", FILE, overwrite=True)
    assert load_registry().origins["resnet50"] == str(FILE.resolve())


def test_the_name_of_a_recipe_is_refused(run):
    with pytest.raises(RegistryError, match="the name of a recipe"):
        register(run, "finetune", FILE, overwrite=True)


def test_a_registry_elsewhere_in_the_project_names_the_model_relative_to_itself(run):
    register(run, "cats", Path("deep/down/ours.json"))
    written = json.loads(Path("deep/down/ours.json").read_text())["backbones"][0]
    assert written["weights"]["location"] == "../../runs/cats/model"
    assert check_file(Path("deep/down/ours.json")) == []


def test_a_linked_registry_stays_a_link(run, tmp_path):
    FILE.symlink_to(tmp_path / "real.json")
    register(run, "cats", FILE)
    assert FILE.is_symlink()
    assert (tmp_path / "real.json").exists()


def test_a_model_cannot_become_its_own_ancestor(run):
    register(run, "cats", FILE)
    config = run / "model/zoo_config.json"
    data = json.loads(config.read_text())
    data["base"] = ["cats"]
    config.write_text(json.dumps(data))
    manifest = run / "model/manifest.json"
    from zoo.manifest import write_manifest

    manifest.unlink()
    write_manifest(run / "model")
    before = FILE.read_bytes()
    with pytest.raises(RegistryError, match="fine-tuned from itself: cats -> cats"):
        register(run, "cats", FILE, overwrite=True)
    assert FILE.read_bytes() == before


def test_a_wrong_file_is_left_alone(run):
    FILE.write_text('{"version": 1, "surprise": 2}')
    with pytest.raises(RegistryError, match="surprise: unknown key"):
        register(run, "cats", FILE)
    assert FILE.read_text() == '{"version": 1, "surprise": 2}'


@pytest.mark.parametrize("name", ["a/b", "", "-cats"])
def test_a_name_that_cannot_be_one_is_refused_before_anything_is_written(run, name):
    with pytest.raises(RegistryError):
        register(run, name, FILE)
    assert not FILE.exists()


def test_a_model_that_is_gone_is_missed_when_it_is_needed(run):
    register(run, "cats", FILE)
    shutil.rmtree(run)
    with pytest.raises(WeightsError, match="is gone"):
        fetch_weights(load_registry().backbone("cats").weights)
    assert any("holds no model.safetensors" in mistake for mistake in check_file(FILE))


def test_a_model_that_has_changed_is_not_used(run):
    register(run, "cats", FILE)
    weights = run / "model/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    with pytest.raises(WeightsError, match="sha256"):
        fetch_weights(load_registry().backbone("cats").weights)
