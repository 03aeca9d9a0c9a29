import csv
import io
import json
import sys

import pytest

from zoo.targets import ClassTarget, LabelsTarget, ValueTarget

KIND = ClassTarget(name="kind", classes=("checks", "discs", "stripes"))
TAGS = LabelsTarget(name="tags", classes=("dark", "red;ish", "rare"), thresholds=(0.0, 0.0, 1.0))
PRICE = ValueTarget(name="price", columns=("price",), mean=(15000.0,), std=(2000.0,))
BOX = ValueTarget(name="box", columns=("width", "height"), mean=(3.0, 0.1), std=(1.0, 0.02))


def lines(outcome):
    return [json.loads(line) for line in outcome.out.splitlines()]


@pytest.mark.parametrize("runtime", ["torch", "onnx"])
def test_json_lines_hold_file_label_score_and_top(zoo, exported, photos, runtime):
    path = photos / "discs" / "00.png"
    (found,) = lines(zoo("predict", exported.path, path, "--format", "jsonl", "--runtime", runtime))
    assert found["file"] == str(path)
    assert found["label"] == "discs"
    assert found["score"] == found["top"][0][1]
    assert [len(pair) for pair in found["top"]] == [2, 2, 2]


def test_json_is_another_name_for_json_lines(zoo, exported, photos):
    path = photos / "discs" / "00.png"
    both = [zoo("predict", exported.path, path, "--format", f).out for f in ("json", "jsonl")]
    assert both[0] == both[1]


def test_an_onnx_file_is_enough(zoo, exported, photos):
    model = exported.model_folder / "onnx" / "model.onnx"
    (found,) = lines(zoo("predict", model, photos / "discs" / "00.png", "--format", "jsonl"))
    assert found["label"] == "discs"


def test_folders_and_globs_are_expanded(zoo, exported, photos):
    found = lines(
        zoo(
            *("predict", exported.path, photos / "discs", photos / "checks" / "*0[12].png"),
            *("--format", "jsonl"),
        )
    )
    assert [entry["file"].split("/")[-2] for entry in found] == ["discs"] * 8 + ["checks"] * 2


def test_a_dash_reads_names_from_stdin(zoo, exported, photos, monkeypatch):
    names = [str(photos / "discs" / "00.png"), "", str(photos / "checks" / "00.png")]
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(names) + "\n"))
    found = lines(zoo("predict", exported.path, "-", "--format", "jsonl"))
    assert [entry["label"] for entry in found] == ["discs", "checks"]


def test_csv_can_be_read_as_csv(zoo, exported, photos):
    odd = photos / 'a, "b".png'
    (photos / "discs" / "00.png").rename(odd)
    rows = list(
        csv.DictReader(io.StringIO(zoo("predict", exported.path, odd, "--format", "csv").out))
    )
    assert rows[0]["file"] == str(odd)
    assert rows[0]["label"] == "discs"
    assert 0 < float(rows[0]["score"]) <= 1


def test_a_table_is_the_default(zoo, exported, photos):
    out = zoo("predict", exported.path, photos / "discs" / "00.png").out
    assert "label" in out
    assert "discs" in out
    assert "%" in out


def test_bad_files_are_named_and_the_others_predicted(zoo, exported, photos):
    (photos / "bad.jpg").write_text("no")
    outcome = zoo(
        *("predict", exported.path, photos / "bad.jpg", photos / "discs" / "00.png"),
        *("gone.png", "--format", "jsonl"),
    )
    assert outcome.code == 1
    assert [entry["label"] for entry in lines(outcome)] == ["discs"]
    assert "bad.jpg: not an image" in outcome.err
    assert "gone.png: No such file" in outcome.err
    assert "all other files were predicted" in outcome.err


def test_where_nothing_was_predicted_nothing_else_is_claimed(zoo, exported):
    assert "hint: nothing was predicted" in zoo("predict", exported.path, "gone.png").err


def test_csv_refuses_to_list_more_classes(zoo, exported, photos):
    path = photos / "discs" / "00.png"
    outcome = zoo("predict", exported.path, path, "--format", "csv", "--top", "2")
    assert outcome.code == 2
    assert "--top" in outcome.err


def test_a_glob_without_a_match_and_a_folder_without_images(zoo, exported, tmp_path):
    assert "nothing matches" in zoo("predict", exported.path, tmp_path / "*.xyz").err
    (tmp_path / "void").mkdir()
    assert "holds no images" in zoo("predict", exported.path, tmp_path / "void").err


def test_a_model_that_is_not_there(zoo, photos):
    outcome = zoo("predict", "runs/nothing", photos)
    assert outcome.code == 1
    assert "does not exist" in outcome.err


def test_an_unproved_export_is_used_with_a_note(zoo, own, photos):
    path = photos / "discs" / "00.png"
    arguments = ["predict", own.path, path, "--runtime", "onnx"]
    assert "no passing verification" not in zoo(*arguments).err
    (own.model_folder / "onnx" / "verification.json").unlink()
    outcome = zoo(*arguments)
    assert outcome.code == 0
    assert "no passing verification of this ONNX file" in outcome.err


@pytest.mark.parametrize(
    ("given", "reason"), [("", "holds no path"), ("\0\udcff\n", "not a list of paths")]
)
def test_a_dash_wants_paths_one_a_line(zoo, exported, monkeypatch, given, reason):
    monkeypatch.setattr(sys, "stdin", io.StringIO(given))
    outcome = zoo("predict", exported.path, "-")
    assert outcome.code == 1
    assert reason in outcome.err


def test_a_damaged_export_is_refused_with_the_way_to_a_new_one(zoo, own, photos):
    path = own.model_folder / "onnx" / "model.onnx"
    path.write_bytes(path.read_bytes()[:-1])
    outcome = zoo("predict", own.path, photos, "--runtime", "onnx")
    assert outcome.code == 1
    assert f"zoo export {own.path}" in outcome.err


@pytest.fixture
def picture(photos):
    return photos / "discs" / "00.png"


def rows(outcome):
    assert outcome.code == 0, outcome.err
    return list(csv.DictReader(io.StringIO(outcome.out)))


def test_labels_in_json_are_those_above_their_threshold_and_the_scores_of_all(
    zoo, untrained, picture
):
    (found,) = lines(zoo("predict", untrained(TAGS), picture, "--format", "jsonl"))
    assert list(found) == ["file", "labels", "scores"]
    assert set(found["labels"]) == {"dark", "red;ish"}
    assert list(found["scores"]) == list(TAGS.classes)
    ranked = sorted(found["labels"], key=found["scores"].__getitem__, reverse=True)
    assert found["labels"] == ranked


def test_one_value_in_json_is_a_number_and_several_have_their_names(zoo, untrained, picture):
    (one,) = lines(zoo("predict", untrained(PRICE), picture, "--format", "jsonl"))
    assert list(one) == ["file", "value"]
    assert isinstance(one["value"], float)
    (two,) = lines(zoo("predict", untrained(BOX), picture, "--format", "jsonl"))
    assert list(two) == ["file", "values"]
    assert list(two["values"]) == ["width", "height"]


def test_several_targets_in_json_answer_under_their_names(zoo, untrained, picture):
    model = untrained(KIND, TAGS, PRICE, BOX)
    (found,) = lines(zoo("predict", model, picture, "--format", "jsonl"))
    assert list(found) == ["file", "kind", "tags", "price", "box"]
    assert list(found["kind"]) == ["label", "score", "top"]
    assert list(found["tags"]) == ["labels", "scores"]
    assert list(found["price"]) == ["value"]
    assert list(found["box"]) == ["values"]


def test_csv_has_a_column_for_each_key_of_json(zoo, untrained, picture):
    (tags,) = rows(zoo("predict", untrained(TAGS), picture, "--format", "csv"))
    assert list(tags) == ["file", "labels", *(f"scores.{name}" for name in TAGS.classes)]
    (price,) = rows(zoo("predict", untrained(PRICE), picture, "--format", "csv"))
    assert list(price) == ["file", "value"]
    (many,) = rows(zoo("predict", untrained(KIND, PRICE, BOX), picture, "--format", "csv"))
    assert list(many) == [
        *("file", "kind.label", "kind.score", "price.value"),
        *("box.values.width", "box.values.height"),
    ]


def test_numbers_in_csv_are_the_very_numbers_of_json(zoo, untrained, picture):
    """Shorter, but the same float32."""
    import numpy as np

    model = untrained(PRICE)
    (exact,) = lines(zoo("predict", model, picture, "--format", "jsonl"))
    (short,) = rows(zoo("predict", model, picture, "--format", "csv"))
    assert np.float32(short["value"]) == np.float32(exact["value"])
    assert len(short["value"]) <= 9


@pytest.mark.parametrize(
    ("thresholds", "count"), [((0.0, 0.0, 1.0), 2), ((1.0, 1.0, 1.0), 0), ((0.0, 1.0, 1.0), 1)]
)
def test_labels_in_csv_can_be_read_as_truths(zoo, untrained, picture, thresholds, count):
    """None is not the same as nothing known, and a name may hold the separator."""
    target = LabelsTarget(name="tags", classes=TAGS.classes, thresholds=thresholds)
    (found,) = rows(zoo("predict", untrained(target), picture, "--format", "csv"))
    truth = target.encode([found["labels"]])
    assert (truth == [[threshold == 0 for threshold in thresholds]]).all()
    assert truth.sum() == count


def test_csv_of_nothing_but_failures_still_names_its_columns(zoo, untrained):
    outcome = zoo("predict", untrained(TAGS), "gone.png", "--format", "csv")
    assert outcome.code == 1
    assert outcome.out.strip() == "file,labels,scores.dark,scores.red;ish,scores.rare"


def test_the_table_has_a_group_of_columns_a_target(zoo, untrained, picture):
    model = untrained(KIND, TAGS, PRICE, BOX)
    header, row = zoo("predict", model, picture).out.splitlines()
    assert header.split() == ["file", "kind", "score", "tags", "price", "width", "height"]
    assert "red;ish" in row
    assert "rare" not in row


def test_values_in_the_table_have_the_digits_that_make_sense(zoo, untrained, picture):
    """Of a price of 15,000 ± 2,000 the tens; of a height of 0.1 ± 0.02 the ten-thousandths."""
    *_, price, width, height = zoo("predict", untrained(PRICE, BOX), picture).out.split()
    assert price.replace(",", "").isdecimal()
    assert [len(text.partition(".")[2]) for text in (width, height)] == [2, 4]


def test_no_label_above_its_threshold_is_a_dash(zoo, untrained, picture):
    target = LabelsTarget(name="tags", classes=("a", "b"), thresholds=(1.0, 1.0))
    header, row = zoo("predict", untrained(target), picture).out.splitlines()
    assert header.split() == ["file", "labels"]
    assert row.split()[-1] == "–"
