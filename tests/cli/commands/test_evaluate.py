import json

import pytest


@pytest.mark.parametrize("runtime", ["torch", "onnx"])
def test_both_runtimes_give_the_recorded_score(zoo, exported, runtime):
    arguments = ["evaluate", exported.path, "--runtime", runtime, "--format", "json"]
    found = json.loads(zoo(*arguments).out)
    recorded = exported.read().metrics["validation"]
    assert found["top1"] == recorded.top1
    assert found["macro_f1"] == pytest.approx(recorded.macro_f1)
    assert found["loss"] == pytest.approx(recorded.loss, rel=1e-3)
    assert found["classes"] == ["checks", "discs", "stripes"]
    assert found["num_samples"] == sum(map(sum, found["confusion_matrix"])) == 12
    assert [entry["support"] for entry in found["per_class"]] == [4, 4, 4]


def test_the_table_has_a_line_a_class_and_the_headline_figures(zoo, exported):
    out = zoo("evaluate", exported.path).out
    for text in ("checks", "discs", "stripes", "precision", "top-1", "top-5", "macro-F1"):
        assert text in out


def test_another_folder_is_matched_by_class_name(zoo, exported, photos):
    """With one class missing, positions shift; names do not."""
    import shutil

    shutil.rmtree(photos / "checks")
    found = json.loads(zoo("evaluate", exported.path, photos, "--format", "json").out)
    assert [entry["support"] for entry in found["per_class"]] == [0, 8, 8]
    assert found["top1"] >= 0.8


def test_the_training_split_can_be_asked_for(zoo, exported):
    arguments = ["evaluate", exported.path, "--split", "train", "--format", "json"]
    assert json.loads(zoo(*arguments).out)["num_samples"] == 48


def test_a_split_that_is_not_there(zoo, exported):
    outcome = zoo("evaluate", exported.path, "--split", "test")
    assert outcome.code == 1
    assert "has no test split" in outcome.err


def test_a_model_folder_needs_data(zoo, exported, tmp_path):
    import shutil

    shutil.copytree(exported.model_folder, tmp_path / "m")
    outcome = zoo("evaluate", tmp_path / "m")
    assert outcome.code == 1
    assert "name a folder to evaluate on" in outcome.err
