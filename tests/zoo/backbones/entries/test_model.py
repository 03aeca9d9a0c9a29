"""Models that zoo trained, and what only looks like one."""

from dataclasses import replace

import pytest

from zoo.backbones.entries.model import from_model
from zoo.errors import RegistryError
from zoo.manifest import update_manifest
from zoo.model import load_config, load_model
from zoo.targets import ClassTarget

KIND = ClassTarget(name="kind", classes=("a", "b"))


@pytest.mark.parametrize("name", ["hf-hub:bob/other", "local-dir:/etc", "../x"])
def test_a_network_of_no_plain_name_never_reaches_timm(untrained, monkeypatch, name):
    config = load_config(untrained(KIND))
    weights, odd = config.backbone.weights, replace(config.backbone, architecture=name)
    monkeypatch.setattr("timm.create_model", lambda *_, **__: pytest.fail("timm was asked"))
    with pytest.raises(RegistryError, match=f"timm cannot build '{name}'") as caught:
        from_model(replace(config, backbone=odd), weights, name="me/x", reference="hf-hub:me/x")
    assert caught.value.hint


def test_a_model_that_claims_a_network_elsewhere_is_not_loaded(untrained, monkeypatch):
    folder = untrained(KIND)
    path, own = folder / "zoo_config.json", load_config(folder).backbone.architecture
    path.write_text(path.read_text().replace(f'"{own}"', '"hf-hub:bob/other"'))
    update_manifest(folder, ["zoo_config.json"])
    monkeypatch.setattr("timm.create_model", lambda *_, **__: pytest.fail("timm was asked"))
    with pytest.raises(RegistryError, match="cannot build 'hf-hub:bob/other'"):
        load_model(folder)
