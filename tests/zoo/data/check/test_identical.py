import math
import shutil

import numpy as np
import pytest

from tests.textures import dataset_of, save, texture
from zoo.data.check import check_dataset
from zoo.data.check.conflicts import describe_truth, find_conflicts
from zoo.targets import ClassTarget, LabelsTarget, ValueTarget

LABELS = LabelsTarget(name="tags", classes=("x", "y"))
VALUE = ValueTarget(name="size", columns=("size",), mean=(0.0,), std=(1.0,))


@pytest.fixture
def files(tmp_path):
    """Six files, of which 0 and 1 are identical, and 4 and 5."""
    for name in "0234":
        save(texture(int(name)), tmp_path / f"{name}.png")
    shutil.copy(tmp_path / "0.png", tmp_path / "1.png")
    shutil.copy(tmp_path / "4.png", tmp_path / "5.png")
    return tmp_path


def quick(dataset):
    return check_dataset(dataset, quick=True)


def names(finding):
    return [[place.file for place in group] for group in finding.groups]


def test_identical_files_in_two_splits_spoil(files):
    splits = {
        "train": {"0.png": "a", "4.png": "b", "2.png": "a"},
        "validation": {"1.png": "a", "3.png": "b"},
        "test": {"5.png": "b"},
    }
    report = quick(dataset_of(files, splits))
    leaks = report.of_kind("leaks")
    assert report.spoils
    assert leaks.count == 2
    assert names(leaks) == [["0.png", "1.png"], ["4.png", "5.png"]]
    assert [place.split for place in leaks.groups[0]] == ["train", "validation"]
    assert "1 of validation; 1 of test" in leaks.text


def test_of_many_copies_the_first_named_are_of_different_splits(files):
    splits = {"train": {"0.png": "a", "./0.png": "a"}, "validation": {"1.png": "a"}}
    leaks = quick(dataset_of(files, splits)).of_kind("leaks")
    assert names(leaks) == [["0.png", "1.png", "./0.png"]]


def test_identical_files_in_one_split_are_a_warning(files):
    splits = {"train": {"0.png": "a", "1.png": "a", "2.png": "b"}, "validation": {"3.png": "b"}}
    report = quick(dataset_of(files, splits))
    assert report.of_kind("repeats").severity == "warning"
    assert names(report.of_kind("repeats")) == [["0.png", "1.png"]]
    assert report.of_kind("leaks") is None
    assert report.of_kind("conflicts") is None


def test_identical_files_of_two_classes_spoil_and_are_shown_with_them(files):
    splits = {"train": {"0.png": "a", "1.png": "b", "2.png": "b"}, "validation": {"3.png": "b"}}
    conflicts = quick(dataset_of(files, splits)).of_kind("conflicts")
    assert conflicts.severity == "spoils"
    assert list(map(str, conflicts.groups[0])) == ["0.png (a)", "1.png (b)"]


def test_one_name_in_two_splits_is_a_leak_though_nobody_hashed_it(files):
    splits = {"train": {"0.png": "a", "2.png": "b"}, "validation": {"0.png": "a", "3.png": "a"}}
    report = quick(dataset_of(files, splits, hashed=False))
    assert names(report.of_kind("leaks")) == [["0.png", "0.png"]]
    assert report.of_kind("unhashed").count == 4


def test_copies_in_two_splits_are_a_leak_though_nobody_hashed_them(files):
    splits = {"train": {"0.png": "a", "2.png": "b"}, "validation": {"1.png": "a", "3.png": "b"}}
    report = quick(dataset_of(files, splits, hashed=False))
    assert names(report.of_kind("leaks")) == [["0.png", "1.png"]]
    assert report.of_kind("unhashed").count == 2


def test_the_whole_check_hashes_what_nobody_hashed(files):
    splits = {"train": {"0.png": "a", "2.png": "b"}, "validation": {"1.png": "a"}}
    report = check_dataset(dataset_of(files, splits, hashed=False))
    assert names(report.of_kind("leaks")) == [["0.png", "1.png"]]
    assert report.of_kind("unhashed") is None


@pytest.mark.parametrize(
    ("target", "cells", "expected"),
    [
        (ClassTarget(classes=("a", "b")), ["a", "a"], False),
        (ClassTarget(classes=("a", "b")), ["a", "b"], True),
        (ClassTarget(classes=("a", "b")), ["b", None], False),
        (LABELS, [["x"], ["x"]], False),
        (LABELS, [["x"], ["x", "y"]], True),
        (LABELS, [{"x": 1}, {"y": 0}], False),
        (LABELS, [["x"], None], False),
        (VALUE, [1.5, 1.5], False),
        (VALUE, [1.5, 1.6], True),
        (VALUE, [1.5, None], False),
        (VALUE, [None, None], False),
    ],
)
def test_what_contradicts(target, cells, expected):
    truth = target.encode(cells)
    assert find_conflicts(target, truth, np.array([0, 0])).tolist() == [expected]
    assert find_conflicts(target, truth, np.array([0, 1])).tolist() == [False, False]


def test_one_of_several_values_is_enough_to_contradict():
    target = ValueTarget(name="v", columns=("p", "q"), mean=(0.0, 0.0), std=(1.0, 1.0))
    truth = np.array([[1.0, 2.0], [math.nan, 3.0], [1.0, 2.0], [1.0, math.nan]])
    assert find_conflicts(target, truth, np.array([0, 0, 1, 1])).tolist() == [True, False]


@pytest.mark.parametrize(
    ("target", "cells", "words"),
    [
        (ClassTarget(classes=("a", "b")), ["b", None], ["b", "unlabelled"]),
        (LABELS, [["x", "y"], [], {"x": 1}], ["x; y", "no label", "x=1"]),
        (VALUE, [2.5, 18.0, None], ["2.5", "18", "unlabelled"]),
    ],
)
def test_truths_are_written_in_words(target, cells, words):
    assert describe_truth(target, target.encode(cells)) == words
