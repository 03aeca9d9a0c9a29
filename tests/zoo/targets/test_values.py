import math
from dataclasses import asdict

import numpy as np
import pytest
import torch

from zoo.errors import DataError
from zoo.targets import ValueTarget

PRICE = ValueTarget(name="price", columns=("price",), mean=(10.0,), std=(2.0,))
SIZE = ValueTarget(name="size", columns=("w", "h"), mean=(0.0, 0.0), std=(1.0, 1.0))


def test_numbers_become_rows_and_back():
    truth = PRICE.encode([3, "4.5", None, " 1e2 ", "nan", [7]])
    assert truth.dtype == np.float64
    np.testing.assert_array_equal(truth, [[3], [4.5], [math.nan], [100], [math.nan], [7]])
    assert PRICE.decode(truth) == [3.0, 4.5, None, 100.0, None, 7.0]
    assert PRICE.present(truth).tolist() == [True, True, False, True, False, True]


def test_several_numbers_may_be_known_in_part():
    truth = SIZE.encode([[1, 2], None, "", [None, "3"], np.array([4.0, 5.0])])
    nan = math.nan
    np.testing.assert_array_equal(truth, [[1, 2], [nan, nan], [nan, nan], [nan, 3], [4, 5]])
    assert SIZE.decode(truth) == [[1.0, 2.0], None, None, [None, 3.0], [4.0, 5.0]]
    assert SIZE.present(truth).tolist() == [True, False, False, True, True]


@pytest.mark.parametrize("target", [PRICE, SIZE])
def test_every_row_survives_the_round_trip(target):
    generator = np.random.default_rng(0)
    truth = generator.standard_normal((50, target.num_outputs)) * 1e10
    truth[generator.random(truth.shape) < 0.3] = math.nan
    np.testing.assert_array_equal(target.encode(target.decode(truth)), truth)


def test_no_cells_have_no_truth():
    assert SIZE.encode([]).shape == (0, 2)
    assert SIZE.decode(np.empty((0, 2))) == []
    assert PRICE.decode(np.empty((0, 1))) == []


def test_cells_that_are_no_numbers_are_refused_with_their_rows():
    with pytest.raises(DataError, match="'price': 3 of 4 cells") as caught:
        PRICE.encode([1, "1 200", True, math.inf])
    assert "row 2: '1 200' is not a number" in caught.value.problem
    assert "row 3: True is not a number" in caught.value.problem
    assert "row 4: inf is beyond what float32 holds" in caught.value.problem


@pytest.mark.parametrize(("cell", "held"), [(1, 1), ([1], 1), ([1, 2, 3], 3), ([], 0)])
def test_a_cell_holds_as_many_numbers_as_there_are_columns(cell, held):
    with pytest.raises(DataError, match=f"holds {held} numbers, not 2"):
        SIZE.encode([cell])


def test_training_cells_give_mean_and_deviation():
    numbers = np.random.default_rng(0).normal(50, 7, 100)
    target = ValueTarget.fit("price", [*numbers, None])
    assert target.columns == ("price",)
    assert target.mean == pytest.approx((numbers.mean(),))
    assert target.std == pytest.approx((numbers.std(),))


def test_each_column_is_measured_over_what_is_known_of_it():
    target = ValueTarget.fit("size", [[1, 10], [3, None], [None, 30]], columns=("w", "h"))
    assert (target.mean, target.std) == ((2.0, 20.0), (1.0, 10.0))
    assert target.columns == ("w", "h")


@pytest.mark.parametrize("cells", [[0.1] * 3, [5], [0.0, 1e-300]])
def test_a_column_that_does_not_vary_has_deviation_one(cells):
    assert ValueTarget.fit("x", cells).std == (1.0,)


@pytest.mark.parametrize("cells", [[], [None, ""]])
def test_a_column_without_numbers_cannot_be_learnt(cells):
    with pytest.raises(DataError, match="no number for price"):
        ValueTarget.fit("price", cells)


@pytest.mark.parametrize(
    ("columns", "mean", "std"),
    [
        ((), (), ()),
        (("a", "a"), (0.0, 0.0), (1.0, 1.0)),
        (("a",), (0.0, 0.0), (1.0,)),
        (("a",), (0.0,), (0.0,)),
        (("a",), (0.0,), (math.nan,)),
        (("a",), (math.inf,), (1.0,)),
    ],
)
def test_a_scale_that_cannot_be_undone_is_refused(columns, mean, std):
    with pytest.raises(ValueError, match="column|means"):
        ValueTarget(name="x", columns=columns, mean=mean, std=std)


def test_an_answer_gives_the_numbers_by_column():
    (answer,) = SIZE.answer(torch.tensor([[1.5, 2.5]], dtype=torch.bfloat16))
    assert asdict(answer) == {"values": {"w": 1.5, "h": 2.5}}
