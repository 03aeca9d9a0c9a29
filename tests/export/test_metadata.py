import json
from dataclasses import replace

import pytest

from export.metadata import describe, read_preprocess, read_targets
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


@pytest.mark.parametrize("text", ["", "{", "7", "[7]", "[{}]", '[{"output": "x", "kind": "?"}]'])
def test_metadata_that_zoo_did_not_write_are_refused(text):
    with pytest.raises(ExportError, match="not made by zoo") as caught:
        read_targets({"zoo.targets": text} if text else {})
    assert "zoo export" in caught.value.hint
    with pytest.raises(ExportError, match="not made by zoo"):
        read_preprocess({"zoo.preprocess": text} if text else {})
