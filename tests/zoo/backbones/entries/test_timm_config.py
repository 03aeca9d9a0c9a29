"""What a `config.json` may say, and what zoo answers to one that says something else."""

import json
from dataclasses import asdict

import pytest
from timm.models import get_pretrained_cfg

from zoo.backbones.entries.timm import from_content
from zoo.backbones.entries.timm_config import merge_config, read_content
from zoo.errors import RegistryError

PLAIN = {
    "architecture": "resnet10t",
    "num_classes": 3,
    "input_size": [3, 64, 64],
    "crop_pct": 0.95,
    "mean": [0.5, 0.5, 0.5],
    "std": [0.25, 0.25, 0.25],
    "classifier": "fc",
}
WEIGHTS = {"source": "hub", "location": "org/x", "file": "model.safetensors"}


def describe(**fields):
    return from_content(PLAIN | fields, "hf-hub:org/x", WEIGHTS, "hf-hub:org/x")


@pytest.mark.parametrize(
    "name", ["hf-hub:bob/other", "local-dir:/etc", "hf_hub:bob/other", "../x", "a.b.", "a\n", ""]
)
def test_an_architecture_that_is_no_plain_name_never_reaches_timm(monkeypatch, name):
    monkeypatch.setattr("timm.create_model", lambda *_, **__: pytest.fail("timm was asked"))
    with pytest.raises(RegistryError, match=r"\$\.architecture: .*match") as caught:
        describe(architecture=name, model_args={"global_pool": "avg"})
    assert caught.value.hint


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("std", [0.5, 0, 0.5], r"\$\.std\[1\]: .*greater than 0, not 0"),
        ("std", [0.5, 0.5, -1], r"\$\.std\[2\]: .*greater than 0, not -1"),
        ("input_size", [3, 0, 0], r"\$\.input_size\[1\]: .*not 0"),
        ("input_size", [3, -64, -64], r"\$\.input_size\[1\]: .*not -64"),
        ("input_size", [3, 10**9, 10**9], r"\$\.input_size\[1\]: .*4096, not 1000000000"),
        ("crop_pct", 1e-300, r"\$\.crop_pct: .*not 1e-300"),
        ("num_classes", 10**9, r"\$\.num_classes: .*1000000, not 1000000000"),
        ("num_classes", 10**12, r"\$\.num_classes: .*not 1000000000000"),
        ("model_args", ["evil"], r"\$\.model_args: .*valid dictionary"),
        ("model_args", {"global_pool": "evil"}, "model_args {'global_pool': 'evil'}"),
        ("classifier", "nope.nope", "names 'nope.nope' as its classifier"),
        ("classifier", "conv1", "names 'conv1' as its classifier"),
        ("classifier", "global_pool", "names 'global_pool' as its classifier"),
    ],
)
def test_what_cannot_be_is_an_error_that_names_field_and_value(field, value, said):
    with pytest.raises(RegistryError, match=said) as caught:
        describe(**{field: value})
    assert caught.value.hint


def test_a_network_of_such_a_configuration_is_described():
    assert describe().backbone.feature_dim == 512


@pytest.mark.parametrize("name", ["resnet50.a1_in1k", "vit_so400m_patch14_siglip_378.v2_webli"])
def test_timms_own_configurations_are_within_the_limits(name):
    assert merge_config(asdict(get_pretrained_cfg(name)), name).architecture == name.split(".")[0]


def test_a_file_larger_than_any_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({}))
    with path.open("r+b") as file:
        file.truncate(16 * 2**20 + 1)
    monkeypatch.setattr("pathlib.Path.read_text", lambda *_, **__: pytest.fail("it was read"))
    with pytest.raises(RegistryError, match=r"config\.json of hf-hub:org/x is too large"):
        read_content(path, "hf-hub:org/x")


@pytest.mark.parametrize("content", [b"[]", b"no json", b"\xff", b"[" * 100_000])
def test_what_is_no_object_is_refused_with_a_next_step(tmp_path, content):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(RegistryError, match=r"the config\.json of hf-hub:org/x is") as caught:
        read_content(tmp_path / "config.json", "hf-hub:org/x")
    assert caught.value.hint
