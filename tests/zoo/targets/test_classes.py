import math
from dataclasses import asdict

import numpy as np
import pytest
import torch

from zoo.errors import DataError
from zoo.targets import ClassTarget

ANIMALS = ClassTarget(name="animal", classes=("cat", "dog", "emu"))


def test_names_become_indices_and_back():
    truth = ANIMALS.encode(["emu", "", "cat", None, math.nan, "dog"])
    assert truth.dtype == np.int64
    assert truth.tolist() == [2, -1, 0, -1, -1, 1]
    assert ANIMALS.decode(truth) == ["emu", None, "cat", None, None, "dog"]
    assert ANIMALS.present(truth).tolist() == [True, False, True, False, False, True]


@pytest.mark.parametrize(
    "classes",
    [
        ("é", "e\u0301"),
        ("猫", "🐈\u200d⬛", "a;b", '["x"]'),
        (" cat", "cat", "cat "),
        ("0", "00", "1.0", "true", "nan", "None"),
    ],
)
def test_any_names_survive_the_round_trip(classes):
    target = ClassTarget(classes=classes)
    truth = np.array([*range(len(classes)), -1])
    assert target.encode(target.decode(truth)).tolist() == truth.tolist()


def test_no_cells_have_no_truth():
    assert ANIMALS.encode([]).shape == (0,)
    assert ANIMALS.decode(np.empty(0, np.int64)) == []


def test_numbers_and_booleans_are_names_too():
    assert ClassTarget.fit("x", [3, 1, 3.0, None, 10]).classes == ("1", "10", "3")
    assert ClassTarget.fit("x", [True, False]).classes == ("false", "true")


def test_unknown_names_are_refused_with_their_rows():
    with pytest.raises(DataError, match="'animal': 2 of 4 cells") as caught:
        ANIMALS.encode(["cat", "dgo", None, "CAT"])
    assert "row 2: 'dgo' is not a class\n  row 4: 'CAT'" in caught.value.problem
    assert caught.value.hint.startswith("did you mean 'dog'? known are 'cat', 'dog', 'emu'")


def test_a_cell_of_several_names_is_refused():
    with pytest.raises(DataError, match=r"row 1: \['cat', 'dog'\] is not a name") as caught:
        ANIMALS.encode([["cat", "dog"]])
    assert "animal:labels" in caught.value.hint


def test_training_cells_make_the_classes_in_sorted_order():
    target = ClassTarget.fit("animal", ["emu", "cat", "", "cat", "dog"])
    assert target == ANIMALS
    assert target.num_outputs == 3


@pytest.mark.parametrize("cells", [[], [None, ""], ["cat", "cat", None]])
def test_one_class_cannot_be_learnt(cells):
    with pytest.raises(DataError, match="takes two"):
        ClassTarget.fit("animal", cells)


@pytest.mark.parametrize("classes", [(), ("a", "a"), ("a", ""), ("a", " ")])
def test_classes_that_cannot_be_told_apart_are_refused(classes):
    with pytest.raises(ValueError, match="class"):
        ClassTarget(classes=classes)


def test_an_answer_ranks_the_classes():
    logits = torch.log(torch.tensor([[0.2, 0.7, 0.1], [0.25, 0.25, 0.5]]))
    first, second = ANIMALS.answer(logits, top=2)
    assert (first.label, first.score) == ("dog", pytest.approx(0.7))
    assert [name for name, _ in first.top] == ["dog", "cat"]
    assert [name for name, _ in second.top] == ["emu", "cat"]
    assert asdict(second)["top"][1] == ("cat", pytest.approx(0.25))


def test_of_equal_classes_the_first_in_order_comes_first():
    # An unstable sort keeps the order of a few, not of a thousand.
    many = ClassTarget(classes=tuple(f"class {at}" for at in range(1000)))
    (answer,) = many.answer(torch.zeros(1, 1000), top=3)
    assert [name for name, _ in answer.top] == ["class 0", "class 1", "class 2"]


def test_an_answer_names_the_best_class_even_where_no_ranking_is_asked():
    (answer,) = ANIMALS.answer(torch.tensor([[0.0, 9.0, 0.0]]), top=0)
    assert answer.label == "dog"
    assert len(ANIMALS.answer(torch.zeros(1, 3))[0].top) == 3
    assert ANIMALS.answer(torch.empty(0, 3)) == []


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_answered_in_float32(dtype):
    (answer,) = ANIMALS.answer(torch.tensor([[0.0, 1.0, 0.0]], dtype=dtype))
    # Of half precision, the sum of probabilities would be off by 1e-3.
    assert sum(score for _, score in answer.top) == pytest.approx(1, abs=1e-6)
