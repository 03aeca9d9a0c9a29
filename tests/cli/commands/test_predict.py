import csv
import io
import json
import sys

import pytest


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
