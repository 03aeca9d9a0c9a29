import pytest
from torch import nn

from zoo.backbones import builders
from zoo.backbones.builders import BUILDERS, Builder
from zoo.backbones.claims import find_mistakes
from zoo.backbones.entries.builder import USUAL
from zoo.backbones.find import find_backbone
from zoo.errors import RegistryError, UnknownBackboneError
from zoo.registry import load_registry


def build(architecture, num_classes):
    if architecture not in ("pebble", "pebble_of_64_px"):
        raise ValueError("there are pebble, pebble_of_64_px")
    pooled = 1 if architecture == "pebble" else 32 * 32
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1),
        nn.AdaptiveAvgPool2d(1) if pooled == 1 else nn.Identity(),
        nn.Flatten(),
        nn.Linear(8 * pooled, num_classes),
    )


@pytest.fixture(autouse=True)
def _own_builder(monkeypatch):
    monkeypatch.setattr(builders, "BUILDERS", {**BUILDERS, "own": Builder(build)})


def find(name):
    return find_backbone(name, load_registry())


def test_an_architecture_of_any_builder_is_described_by_what_is_measured():
    entry = find("own/pebble").backbone
    assert (entry.name, entry.builder, entry.architecture) == ("pebble", "own", "pebble")
    assert (entry.classifier, entry.feature_dim, entry.stages) == ("3", 8, {"stem": ("0",)})
    assert find_mistakes(entry) == []


def test_nothing_is_known_of_its_weights_and_what_is_assumed_is_said():
    found = find("own/pebble")
    assert found.backbone.weights.source == "none"
    assert found.backbone.preprocess == USUAL
    inputs, classes = found.assumptions
    assert "224 px, bicubic from 256 px" in inputs
    assert "1000 classes" in classes


def test_an_architecture_that_its_builder_does_not_know_is_refused_in_its_words():
    with pytest.raises(RegistryError, match="own cannot build 'pebbel': there are pebble, "):
        find("own/pebbel")


def test_a_network_that_does_not_take_the_usual_inputs_is_refused():
    with pytest.raises(RegistryError, match="224 px"):
        find("own/pebble_of_64_px")


def test_a_builder_that_does_not_exist_means_nothing():
    with pytest.raises(UnknownBackboneError):
        find("owm/pebble")


def test_a_folder_named_like_a_builder_is_meant_by_its_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own" / "pebble").mkdir(parents=True)
    assert find("own/pebble").backbone.weights.source == "none"
    with pytest.raises(RegistryError, match="neither a run folder"):
        find("./own/pebble")
