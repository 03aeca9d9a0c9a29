import json
from dataclasses import replace

import pytest
import torch

from zoo.errors import DamagedFileError, RunError
from zoo.manifest import write_manifest
from zoo.model import load_config, load_model, save_model, widths_of
from zoo.recipes import HeadRecipe
from zoo.registry.files import built_in_registry
from zoo.targets import Calibration, ClassTarget, LabelsTarget, ValueTarget

KIND = ClassTarget(name="größe.{} 🦊", classes=("a", "b\nc", "weight"))
TAGS = LabelsTarget(name="größe", classes=("x", "y"), thresholds=(0.25, 0.5))
BOX = ValueTarget(name="weight", columns=("w", "h"), mean=(5.0, 1e6), std=(2.0, 1e-3))


def test_a_saved_model_answers_as_before(finished, tmp_path):
    model = load_model(finished.model_folder)
    save_model(tmp_path / "copy", model.network, model.config)
    again = load_model(tmp_path / "copy")
    images = torch.rand(2, 3, 64, 64)
    assert again.config == model.config
    torch.testing.assert_close(again.outputs(images), model.outputs(images), rtol=0, atol=0)


@pytest.mark.parametrize(
    "head",
    [
        HeadRecipe(),
        HeadRecipe(hidden=(8,), dropout=0.3, init="glorot"),
        HeadRecipe(features="flattened", hidden=(4,)),
    ],
    ids=["linear", "hidden layer", "flattened"],
)
def test_several_targets_come_back_with_their_heads_and_their_names(untrained, tmp_path, head):
    model = load_model(untrained(KIND, TAGS, BOX, head=head))
    assert model.targets == (KIND, TAGS, BOX)
    assert model.config.head == head
    images = torch.rand(2, 3, 32, 32)
    outputs = model.outputs(images)
    assert {name: value.shape[1] for name, value in outputs.items()} == widths_of(model.targets)
    save_model(tmp_path / "again", model.network, model.config)
    again = load_model(tmp_path / "again").outputs(images)
    torch.testing.assert_close(again, outputs, rtol=0, atol=0)


def test_outputs_are_float32_on_the_cpu_and_need_no_gradient(untrained):
    outputs = load_model(untrained(KIND, BOX)).outputs(torch.rand(1, 3, 32, 32))
    for value in outputs.values():
        assert (value.dtype, value.device.type) == (torch.float32, "cpu")
        assert not value.requires_grad


def test_a_loaded_model_is_ready_to_measure(finished):
    model = load_model(finished.model_folder)
    assert not any(module.training for module in model.network.modules())
    assert not any(parameter.requires_grad for parameter in model.network.parameters())


def test_what_was_calibrated_comes_back(untrained, tmp_path):
    model = load_model(untrained(KIND))
    found = Calibration(
        temperature=1.5,
        loss_before=0.5,
        loss_after=0.4,
        error_before=0.1,
        error_after=float("nan"),
        num_samples=9,
    )
    config = replace(model.config, calibration={KIND.name: found}, notes=("care",), base=("x",))
    save_model(tmp_path / "m", model.network, config)
    again = load_config(tmp_path / "m")
    # NaN is not equal to itself.
    assert repr(again) == repr(config)


def test_a_network_rebuilt_for_another_size_comes_back(tmp_path, untrained):
    entry = built_in_registry().backbone("vit_tiny_patch16_224.augreg_in21k_ft_in1k")
    from zoo.backbones.network import build_network

    network = build_network(entry, {KIND.name: 3}, size=96).eval()
    config = replace(
        load_config(untrained(KIND)), backbone=entry, preprocess=entry.preprocess.at_size(96)
    )
    save_model(tmp_path / "vit", network, config)
    images = torch.rand(2, 3, 96, 96)
    with torch.no_grad():
        expected = network(images)
    found = load_model(tmp_path / "vit").outputs(images)
    # In another memory layout sums run in another order.
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_a_folder_without_a_model(tmp_path):
    with pytest.raises(RunError, match="holds no model"):
        load_config(tmp_path)


def rewrite(folder, **changes) -> None:
    """Change the configuration as somebody with an editor would."""
    path = folder / "zoo_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    write_manifest(folder)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"format": 9}, "format"),
        ({"surprise": 1}, "surprise"),
        ({"targets": []}, "targets"),
        ({"targets": [{"kind": "magic", "name": "x"}]}, "magic"),
        ({"targets": [{"kind": "class", "name": "x", "classes": ["a", "a"]}]}, "different names"),
    ],
)
def test_a_configuration_of_another_kind_says_what_is_wrong(untrained, changes, named):
    folder = untrained(KIND)
    rewrite(folder, **changes)
    with pytest.raises(DamagedFileError, match=r"zoo_config\.json is damaged") as caught:
        load_config(folder)
    assert named in caught.value.problem


def test_all_mistakes_are_listed_together(untrained):
    folder = untrained(KIND)
    rewrite(folder, format=9, surprise=1)
    with pytest.raises(DamagedFileError, match="surprise") as caught:
        load_config(folder)
    assert "format" in caught.value.problem


def test_a_changed_file_is_damaged(untrained):
    folder = untrained(KIND)
    path = folder / "zoo_config.json"
    path.write_text(path.read_text().replace("none", "some"))
    with pytest.raises(DamagedFileError, match=r"zoo_config\.json"):
        load_config(folder)


@pytest.mark.parametrize(
    ("targets", "reason"),
    [
        ((replace(KIND, classes=("a", "b", "c", "d")),), "size mismatch"),
        ((KIND, TAGS), "Missing key"),
    ],
    ids=["other classes", "more targets"],
)
def test_weights_of_another_network_are_damage(untrained, tmp_path, targets, reason):
    model = load_model(untrained(KIND))
    save_model(tmp_path / "m", model.network, replace(model.config, targets=targets))
    with pytest.raises(DamagedFileError, match=reason):
        load_model(tmp_path / "m")


def test_a_network_that_its_library_does_not_have_is_damage(untrained):
    folder = untrained(KIND)
    content = json.loads((folder / "zoo_config.json").read_text())
    content["backbone"]["architecture"] = "no_such_network"
    (folder / "zoo_config.json").write_text(json.dumps(content))
    write_manifest(folder)
    with pytest.raises(DamagedFileError, match=r"zoo_config\.json is damaged: .*no_such_network"):
        load_model(folder)
