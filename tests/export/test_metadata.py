import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from export.metadata import (
    KEYS,
    PRECISION_KEYS,
    RAW_KEYS,
    describe,
    describe_export,
    has_dynamic_size,
    read_preprocess,
    read_targets,
)
from export.precision.source import KEY
from export.raw import describe_raw
from tests.export.small_models import AGE, KIND, POSE, TAGS, make_model
from zoo.errors import ExportError
from zoo.targets import Calibration


@pytest.fixture
def facts(tmp_path):
    """Describe a model of given targets."""

    def describe_model(*targets, **changes):
        model = make_model(tmp_path / "model", *targets)
        return describe(replace(model, config=replace(model.config, **changes)), tmp_path / "model")

    return describe_model


@pytest.mark.parametrize(
    ("targets", "task"),
    [
        ((KIND,), "image-classification"),
        ((TAGS,), "image-multi-label"),
        ((POSE,), "image-regression"),
        ((KIND, AGE), "image-multi-task"),
    ],
)
def test_targets_come_back_as_they_were_with_their_outputs(facts, targets, task):
    found = facts(*targets)
    assert found["zoo.task"] == task
    assert tuple(read_targets(found).values()) == targets
    assert list(read_targets(found)) == (["kind", "age"] if len(targets) == 2 else ["logits"])


@pytest.mark.parametrize(("target", "listed"), [(KIND, True), (TAGS, True), (AGE, False)])
def test_labels_are_listed_where_an_only_target_has_some(facts, target, listed):
    found = facts(target)
    assert ("zoo.labels" in found) is listed
    if listed:
        assert json.loads(found["zoo.labels"]) == list(target.classes)


def test_labels_of_several_targets_are_not_mixed(facts):
    assert "zoo.labels" not in facts(KIND, TAGS)


def test_preprocessing_comes_back_with_its_crop_mode(facts, tmp_path):
    squashed = make_model(tmp_path / "other", KIND).preprocess.crop_by("squash")
    found = facts(KIND, preprocess=squashed)
    assert read_preprocess(found) == squashed
    assert json.loads(found["zoo.preprocess"])["crop_mode"] == "squash"
    assert json.loads(found["zoo.preprocess"])["channels"] == "RGB"


def test_the_temperatures_that_are_inside_are_told(facts):
    calibration = Calibration(
        temperature=1.5,
        loss_before=1.0,
        loss_after=0.9,
        error_before=0.2,
        error_after=0.1,
        num_samples=9,
    )
    found = facts(KIND, AGE, calibration={"kind": calibration})
    assert json.loads(found["zoo.calibration"]) == {"kind": 1.5}


def test_what_training_started_from_is_told_the_newest_first(facts):
    assert json.loads(facts(KIND, base=("./shop", "resnet50"))["zoo.base"]) == [
        "./shop",
        "resnet50",
    ]


def test_how_it_was_made_is_told():
    found = describe_export("torchscript", dynamic_size=True)
    assert found["zoo.exporter"] == "torchscript"
    assert has_dynamic_size(found)
    assert not has_dynamic_size(describe_export("dynamo", dynamic_size=False))
    assert "+" not in json.loads(found["zoo.versions"])["torch"]


def test_a_file_from_before_says_nothing_of_sizes():
    assert not has_dynamic_size({})


def test_the_document_and_the_code_name_the_same_keys(facts):
    text = Path(__file__).parents[2].joinpath("docs/files.md").read_text()
    section = text.partition("## ONNX metadata")[2].partition("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("| `zoo.")]
    cells = [line.split("|")[1:3] for line in table]
    documented = {key: file for keys, file in cells for key in re.findall(r"`(zoo\.\w+)`", keys)}
    for keys, file in (
        (KEYS, "every file"),
        (RAW_KEYS, "`model_raw.onnx`"),
        (PRECISION_KEYS, "`model_fp16.onnx`, `model_int8.onnx`"),
    ):
        assert sorted(key for key in documented if documented[key].strip() == file) == sorted(keys)
    assert set(documented) == {*KEYS, *RAW_KEYS, *PRECISION_KEYS}


def test_a_file_says_what_its_kind_of_file_says(facts):
    written = facts(KIND) | describe_export("dynamo", dynamic_size=False)
    assert sorted(written) == sorted(KEYS)
    raw = describe_raw(written, (KIND,))
    assert sorted(raw) == sorted((*KEYS, *RAW_KEYS))
    assert PRECISION_KEYS == (KEY,)


@pytest.mark.parametrize("text", ["", "{", "7", "[7]", "[{}]", '[{"output": "x", "kind": "?"}]'])
def test_metadata_that_zoo_did_not_write_are_refused(text):
    with pytest.raises(ExportError, match="not made by zoo") as caught:
        read_targets({"zoo.targets": text} if text else {})
    assert "zoo export" in caught.value.hint
    with pytest.raises(ExportError, match="not made by zoo"):
        read_preprocess({"zoo.preprocess": text} if text else {})
