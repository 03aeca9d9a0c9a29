import json
from dataclasses import replace

import pytest
import torch

from zoo.errors import DamagedFileError, RunError
from zoo.manifest import write_manifest
from zoo.model import load_config, load_model, save_model


def test_a_saved_model_answers_as_before(finished, tmp_path):
    model = load_model(finished.model_folder)
    save_model(tmp_path / "copy", model.network, model.config)
    again = load_model(tmp_path / "copy")
    images = torch.rand(2, 3, 64, 64)
    assert again.config == model.config
    torch.testing.assert_close(again.logits(images), model.logits(images), rtol=0, atol=0)


def test_a_loaded_model_is_ready_to_measure(finished):
    model = load_model(finished.model_folder)
    assert not any(module.training for module in model.network.modules())
    assert not any(parameter.requires_grad for parameter in model.network.parameters())


def test_a_folder_without_a_model(tmp_path):
    with pytest.raises(RunError, match="holds no model"):
        load_config(tmp_path)


def test_a_configuration_of_another_kind_lists_its_mistakes(finished, tmp_path):
    model = load_model(finished.model_folder)
    save_model(tmp_path / "m", model.network, model.config)
    path = tmp_path / "m" / "zoo_config.json"
    content = json.loads(path.read_text()) | {"format": 9, "surprise": 1}
    path.write_text(json.dumps(content))
    write_manifest(tmp_path / "m")
    with pytest.raises(DamagedFileError, match="surprise") as caught:
        load_config(tmp_path / "m")
    assert "format" in caught.value.problem


def test_weights_of_another_network_are_damage(finished, tmp_path):
    model = load_model(finished.model_folder)
    four = replace(model.config.target, classes=("a", "b", "c", "d"))
    save_model(tmp_path / "m", model.network, replace(model.config, target=four))
    with pytest.raises(DamagedFileError, match="size mismatch"):
        load_model(tmp_path / "m")
