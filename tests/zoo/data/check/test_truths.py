from pathlib import Path

import pytest

from tests.textures import dataset_of
from zoo.data.check import check_dataset
from zoo.targets import ClassTarget, LabelsTarget, ValueTarget

ABC = ClassTarget(name="kind", classes=("a", "b", "c"))
TAGS = LabelsTarget(name="tags", classes=("x", "y"))


def check(target, train, validation):
    """No file is opened: their names stand for them."""
    splits = {
        split: {f"{split}{at}.png": cell for at, cell in enumerate(cells)}
        for split, cells in (("train", train), ("validation", validation))
    }
    report = check_dataset(dataset_of(Path("/none"), splits, target, hashed=False), quick=True)
    return {finding.kind: finding for finding in report.findings if finding.kind != "unhashed"}


def test_balanced_classes_give_no_finding():
    assert check(ABC, "abc" * 10, "abc") == {}


def test_a_class_that_is_only_measured_spoils():
    found = check(ABC, "ab" * 10, "abc")
    assert set(found) == {"unseen"}
    assert found["unseen"].severity == "spoils"
    assert "1 class of 'kind' that training never sees: c" in found["unseen"].text


@pytest.mark.parametrize("train", ["ab" * 10 + "c", "ab" * 10])
def test_a_class_without_two_training_images_spoils(train):
    found = check(ABC, train, "ab")
    assert found["small-classes"].severity == "spoils"
    assert found["small-classes"].text.endswith(": c")


def test_few_images_of_a_class_are_a_warning():
    found = check(ABC, "ab" * 10 + "cc", "abc")
    assert set(found) == {"few-images"}
    assert found["few-images"].severity == "warning"
    assert "c (2)" in found["few-images"].text


@pytest.mark.parametrize(("largest", "warned"), [(99, False), (100, True)])
def test_ten_times_as_many_images_are_imbalance(largest, warned):
    found = check(ABC, "a" * largest + "b" * 10 + "c" * 10, "abc")
    assert ("imbalance" in found) == warned
    if warned:
        assert "a has 10 times as many training images (100) as b (10)" in found["imbalance"].text


def test_missing_truths_are_counted():
    found = check(ABC, [*"abc" * 10, None, None], ["a", None])
    assert found["missing"].severity == "note"
    assert found["missing"].text.startswith("3 rows of 34 without 'kind'")


def test_a_label_that_is_only_measured_spoils():
    found = check(TAGS, [["x"], []] * 10, [["y"]])
    assert found["unseen"].severity == "spoils"
    assert "label" in found["unseen"].text


@pytest.mark.parametrize(
    ("cells", "text"),
    [
        ([["x"], ["x"], []] * 5, "1 label of 'tags' never set in the training data: y"),
        ([["x", "y"], ["y"], ["y"]] * 5, "1 label of 'tags' always set in the training data: y"),
    ],
)
def test_labels_that_are_never_or_always_set_teach_nothing(cells, text):
    found = check(TAGS, cells, [["x"]])
    assert found["nothing-to-learn"].severity == "warning"
    assert found["nothing-to-learn"].text == text


def test_a_rare_label_is_a_warning():
    found = check(TAGS, [["x"], [], ["x", "y"]] * 4, [[]])
    assert found["few-images"].text.endswith("y (4)")


def test_values_far_from_the_training_mean_are_named():
    target = ValueTarget(name="cm", columns=("cm",), mean=(10.0,), std=(2.0,))
    found = check(target, [8.0, 12.0, None, 23.0], [-3.0])
    assert found["outliers"].count == 2
    # The furthest first: 23 is 6.5 standard deviations away and -3 is as far.
    assert [str(group[0]) for group in found["outliers"].groups] == [
        "train3.png (cm = 23)",
        "validation0.png (cm = -3)",
    ]


def test_values_within_six_deviations_are_not():
    target = ValueTarget(name="cm", columns=("cm",), mean=(10.0,), std=(2.0,))
    assert "outliers" not in check(target, [8.0, 22.0], [-2.0])


def test_a_column_that_never_changes_teaches_nothing():
    target = ValueTarget(name="v", columns=("p", "q"), mean=(0.0, 0.0), std=(1.0, 1.0))
    found = check(target, [[1.0, 2.0], [1.0, 3.0]], [[1.0, 2.0]])
    assert found["nothing-to-learn"].text.startswith("1 column of 'v' the same everywhere")
    assert found["nothing-to-learn"].text.endswith(": p")
    assert found["nothing-to-learn"].hint == "there is nothing to learn about it"
