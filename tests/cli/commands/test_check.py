import json
import shutil

import pytest

from tests.textures import COPIES, save, texture


@pytest.fixture
def data(tmp_path):
    for split, start, count in (("train", 0, 10), ("val", 100, 3)):
        for at in range(count):
            save(texture(start + at), tmp_path / "data" / split / "apple" / f"{at}.png")
            save(texture(start + at + 50), tmp_path / "data" / split / "pear" / f"{at}.png")
    return tmp_path / "data"


def test_good_data_ends_well(zoo, data):
    outcome = zoo("check", data)
    assert outcome.code == 0
    assert "20 train, 6 validation" in outcome.out
    assert "apple 10, pear 10" in outcome.out
    assert "26 RGB" in outcome.out
    assert "nothing that would spoil a result; 0 warnings, 0 notes" in outcome.err


def test_a_leak_ends_with_exit_code_1(zoo, data):
    shutil.copy(data / "train" / "apple" / "0.png", data / "val" / "apple" / "copy.png")
    outcome = zoo("check", data)
    assert outcome.code == 1
    assert "1 image in more than one split" in outcome.out
    assert "train/apple/0.png = val/apple/copy.png" in outcome.out
    assert "1 of these would spoil a result" in outcome.err


def test_a_bad_file_is_reported_not_raised(zoo, data):
    (data / "train" / "apple" / "bad.jpg").write_bytes(b"no")
    outcome = zoo("check", data)
    assert outcome.code == 1
    assert "train/apple/bad.jpg (not an image)" in outcome.out


def test_warnings_leave_the_exit_code_alone(zoo, data):
    save(COPIES["smaller"](texture(0)), data / "val" / "apple" / "copy.png")
    outcome = zoo("check", data)
    assert outcome.code == 0
    assert "1 picture in more than one split" in outcome.out
    assert "1 warnings" not in outcome.err
    assert "1 warning," in outcome.err
    assert "0 warnings" in zoo("check", data, "--no-near").err


def test_many_examples_are_cut_and_long_ones_folded(zoo, data):
    for at in range(5):
        name = "x" * 60
        shutil.copy(
            data / "train" / "apple" / f"{at}.png", data / "val" / "apple" / f"{name}{at}.png"
        )
    out = zoo("check", data, "--no-near").out
    assert "  = val/apple/xxx" in out
    assert "and 2 more" in out


def test_json_on_stdout_and_in_a_file_is_the_same(zoo, data, tmp_path):
    output = tmp_path / "report.json"
    outcome = zoo("check", data, "--format", "json", "--output", output)
    found = json.loads(outcome.out)
    assert found == json.loads(output.read_text(encoding="utf-8"))
    assert found["spoils"] is False
    assert found["summary"]["classes"] == {"label": {"apple": 10, "pear": 10}}


def test_the_networks_size_decides_what_is_tiny(zoo, data):
    assert "side below" not in zoo("check", data, "--no-near").out
    assert "side below 125 pixels" in zoo("check", data, "--no-near", "--img-size", "500").out


def test_a_folder_that_is_not_there(zoo, tmp_path):
    outcome = zoo("check", tmp_path / "none")
    assert outcome.code == 1
    assert "does not exist" in outcome.err


def test_texts_of_all_severities_begin_below_each_other(zoo, data):
    shutil.copy(data / "train" / "apple" / "0.png", data / "val" / "apple" / "copy.png")
    shutil.copy(data / "train" / "apple" / "1.png", data / "train" / "apple" / "copy.png")
    lines = zoo("check", data).out.splitlines()
    texts = {line.split()[0]: line for line in lines if "more than" in line}
    assert {line.index("1 image") for line in texts.values()} == {9}
    assert set(texts) == {"spoils", "warning"}


def test_classes_too_small_to_train_on_are_findings_among_others(zoo, tmp_path):
    for at in range(4):
        save(texture(at), tmp_path / "data" / "apple" / f"{at}.png")
    save(texture(50), tmp_path / "data" / "lonely" / "0.png")
    (tmp_path / "data" / "void").mkdir()
    (tmp_path / "data" / "apple" / "bad.jpg").write_bytes(b"no")
    outcome = zoo("check", tmp_path / "data")
    assert outcome.code == 1
    assert "fewer than 2 training images: lonely, void" in outcome.out
    assert "apple/bad.jpg (not an image)" in outcome.out
    for path in (tmp_path / "data" / "apple").glob("[1-3].png"):
        path.unlink()
    outcome = zoo("check", tmp_path / "data")
    assert "3 classes of 'label' with fewer than 2 training images" in outcome.out
