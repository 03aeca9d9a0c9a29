from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from zoo.errors import DataError
from zoo.targets import LabelsTarget

TAGS = LabelsTarget(name="tags", classes=("red", "round", "big"))


def test_cells_become_marks():
    truth = TAGS.encode(["red;big", [], None, {"round": 1, "red": 0}, '["round"]'])
    assert truth.dtype == np.int8
    assert truth.tolist() == [[1, 0, 1], [0, 0, 0], [-1, -1, -1], [0, 1, -1], [0, 1, 0]]
    assert TAGS.present(truth).tolist() == [True, True, False, True, True]


def test_marks_are_written_in_sorted_order():
    truth = np.array([[1, 0, 1], [0, 0, 0], [-1, -1, -1], [0, 1, -1]], np.int8)
    assert TAGS.decode(truth) == [["big", "red"], [], None, {"red": 0, "round": 1}]


def test_every_row_survives_the_round_trip():
    rows = [[a, b, c] for a in (-1, 0, 1) for b in (-1, 0, 1) for c in (-1, 0, 1)]
    truth = np.array(rows, np.int8)
    assert TAGS.encode(TAGS.decode(truth)).tolist() == rows
    odd = LabelsTarget(name="odd", classes=("a;b", " c ", '["d"]', "猫"))
    truth = np.array([[1, 1, 0, 1], [0, 1, 1, -1]], np.int8)
    assert odd.encode(odd.decode(truth)).tolist() == truth.tolist()


def test_no_cells_have_no_truth():
    assert TAGS.encode([]).shape == (0, 3)
    assert TAGS.decode(np.empty((0, 3), np.int8)) == []
    assert TAGS.present(np.empty((0, 3), np.int8)).shape == (0,)


def test_unknown_labels_are_refused_with_their_rows():
    with pytest.raises(DataError, match="'tags': 2 of 3 cells") as caught:
        TAGS.encode(["red", "red;rond", {"small": 0}])
    assert "row 2: 'rond' is not a label\n  row 3: 'small'" in caught.value.problem
    assert caught.value.hint.startswith("did you mean 'round'?")


def test_training_cells_make_the_labels_in_sorted_order():
    target = LabelsTarget.fit("tags", ["round;red", None, {"big": 0}, []])
    assert target.classes == ("big", "red", "round")
    assert target.num_outputs == 3


def test_a_column_without_labels_cannot_be_learnt():
    with pytest.raises(DataError, match="no label"):
        LabelsTarget.fit("tags", [[], None, ""])


@pytest.mark.parametrize("classes", [(), ("a", "a"), ("a", " ")])
def test_labels_that_cannot_be_told_apart_are_refused(classes):
    with pytest.raises(ValueError, match="label"):
        LabelsTarget(name="tags", classes=classes)


@pytest.mark.parametrize("thresholds", [(0.5,), (0.5, 0.5, 1.5), (0.5, 0.5, float("nan"))])
def test_thresholds_are_probabilities_one_a_label(thresholds):
    with pytest.raises(ValueError, match="thresholds"):
        replace(TAGS, thresholds=thresholds)


def test_an_answer_gives_the_labels_above_their_thresholds():
    probabilities = torch.tensor([[0.4, 0.9, 0.6], [0.2, 0.1, 0.3]], dtype=torch.float64)
    target = replace(TAGS, thresholds=(0.3, 0.5, 0.8))
    first, second = target.answer(probabilities.logit())
    assert [name for name, _ in first.labels] == ["round", "red"]
    assert first.scores == pytest.approx({"red": 0.4, "round": 0.9, "big": 0.6})
    assert second.labels == ()
    assert [name for name, _ in TAGS.answer(probabilities.logit())[0].labels] == ["round", "big"]
    assert set(asdict(first)) == {"labels", "scores"}


def test_a_label_exactly_at_its_threshold_is_not_given():
    (answer,) = TAGS.answer(torch.zeros(1, 3))
    assert answer.labels == ()
