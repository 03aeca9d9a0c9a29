import csv
import json
import shutil

import pytest

from zoo.targets import ClassTarget, LabelsTarget, ValueTarget

KIND = ClassTarget(name="kind", classes=("checks", "discs", "stripes"))
TAGS = LabelsTarget(name="tags", classes=("dark", "round", "rare"), thresholds=(0.4, 0.5, 0.999))
PRICE = ValueTarget(name="price", columns=("price",), mean=(15000.0,), std=(2000.0,))
BOX = ValueTarget(name="box", columns=("width", "height"), mean=(3.0, 0.1), std=(1.0, 0.02))


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
    assert "calibration error" in out


def test_another_folder_is_matched_by_class_name(zoo, exported, photos):
    """With one class missing, positions shift; names do not."""
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
    shutil.copytree(exported.model_folder, tmp_path / "m")
    outcome = zoo("evaluate", tmp_path / "m")
    assert outcome.code == 1
    assert "name a folder or a table to evaluate on" in outcome.err


def test_a_classifiers_keys_are_stable(zoo, exported):
    """Scripts read them."""
    found = json.loads(zoo("evaluate", exported.path, "--format", "json").out)
    assert set(found) - {"kind", "calibration_error"} == {
        *("classes", "num_samples", "loss", "top1", "top5", "macro_f1"),
        *("per_class", "confusion_matrix"),
    }
    assert set(found["per_class"][0]) == {"name", "precision", "recall", "f1", "support"}


@pytest.fixture
def table(photos):
    """A table beside the pictures with a column for each of the targets above."""
    path = photos / "table.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("image", "kind", "tags", "price", "width", "height", "sort"))
        for at, picture in enumerate(sorted(photos.rglob("*.png"))):
            kind = picture.parent.name
            tags = "round" if kind == "discs" else "[]"
            row = (picture.relative_to(photos), kind, tags, 15000 + at, at, "", kind)
            writer.writerow(row)
    return path


def lines(outcome) -> list[list[str]]:
    assert outcome.code == 0, outcome.err
    return [line.split() for line in outcome.out.splitlines()]


def test_labels_have_a_line_each_with_their_threshold(zoo, untrained, table):
    found = lines(zoo("evaluate", untrained(TAGS), table))
    assert found[0] == ["label", "AP", "precision", "recall", "F1", "threshold", "images"]
    rows = {row[0]: row[1:] for row in found[1:4]}
    assert [rows[name][4] for name in TAGS.classes] == ["0.400", "0.500", "0.999"]
    assert [rows[name][5] for name in TAGS.classes] == ["0", "8", "0"]
    assert rows["dark"][0] == "–"
    names = [line[0] for line in found[5:]]
    assert names == ["mAP", "macro-F1", "micro-F1", "exact", "calibration", "loss", "images"]


def test_values_are_scored_in_their_own_units(zoo, untrained, table):
    found = lines(zoo("evaluate", untrained(PRICE), table))
    assert found[0] == ["value", "MAE", "RMSE", "R²", "images"]
    assert found[1][0] == "price"
    assert found[1][4] == "24"
    recorded = json.loads(zoo("evaluate", untrained(PRICE), table, "--format", "json").out)
    assert recorded["kind"] == "value"
    (value,) = recorded["per_value"]
    assert float(found[1][1].replace(",", "")) == pytest.approx(value["mae"], rel=1e-3)


def test_a_value_that_no_row_knows_is_a_dash_and_json_null(zoo, untrained, table):
    model = untrained(BOX)
    found = lines(zoo("evaluate", model, table))
    assert found[2] == ["height", "–", "–", "–", "0"]
    recorded = json.loads(zoo("evaluate", model, table, "--format", "json").out)
    assert [score["mae"] for score in recorded["per_value"]][1] is None


def test_several_targets_have_a_section_each(zoo, untrained, table):
    model = untrained(KIND, TAGS, PRICE)
    out = zoo("evaluate", model, table).out
    sections = ["kind (class)", "tags (labels)", "price (value)", "all targets"]
    assert [line for line in out.splitlines() if line in sections] == sections
    found = json.loads(zoo("evaluate", model, table, "--format", "json").out)
    assert found["kind"] == "joint"
    assert {name: part["kind"] for name, part in found["targets"].items()} == {
        "kind": "class",
        "tags": "labels",
        "price": "value",
    }
    assert found["loss"] == pytest.approx(sum(part["loss"] for part in found["targets"].values()))


def test_a_column_of_another_name_can_be_named(zoo, untrained, table):
    table.write_text(table.read_text().replace("kind,", "type,", 1))
    model = untrained(KIND)
    assert zoo("evaluate", model, table).code == 1
    renamed = zoo("evaluate", model, table, "--target", "kind=sort", "--format", "json")
    assert json.loads(renamed.out)["num_samples"] == 24


def test_the_column_of_images_can_be_named(zoo, untrained, table):
    text = table.read_text().splitlines()
    body = [f"nowhere.png,{line}" for line in text[1:]]
    table.write_text("\n".join(["path," + text[0], *body]))
    model = untrained(PRICE)
    outcome = zoo("evaluate", model, table, "--input", "image", "--format", "json")
    assert json.loads(outcome.out)["num_samples"] == 24
    assert zoo("evaluate", model, table, "--input", "path").code == 1


def test_a_folder_does_not_do_for_a_model_of_values(zoo, untrained, photos):
    outcome = zoo("evaluate", untrained(PRICE), photos)
    assert outcome.code == 1
    assert "price (value)" in outcome.err


def test_columns_without_a_table_are_a_usage_error(zoo, exported):
    outcome = zoo("evaluate", exported.path, "--input", "image")
    assert outcome.code == 2
    assert "--input is for a table" in outcome.err


def test_files_that_cannot_be_read_are_left_out_if_told_to(zoo, untrained, table):
    (table.parent / "discs" / "00.png").write_text("no picture")
    model = untrained(KIND)
    assert zoo("evaluate", model, table).code == 1
    outcome = zoo("evaluate", model, table, "--skip-bad", "--format", "json")
    assert json.loads(outcome.out)["num_samples"] == 23
