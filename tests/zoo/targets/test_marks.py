import math

import numpy as np
import pytest

from zoo.errors import DataError
from zoo.targets.marks import marks_of, read_marks, write_marks


@pytest.mark.parametrize(
    ("cell", "marks"),
    [
        (["red", "round"], ["red", "round"]),
        (("red",), ["red"]),
        (np.array(["red", "round"]), ["red", "round"]),
        ([], []),
        ("red", ["red"]),
        ("red;round", ["red", "round"]),
        (" red ; round; ", ["red", "round"]),
        (";", []),
        ('["red", "a;b"]', ["red", "a;b"]),
        (" []", []),
        ([7, True], ["7", "true"]),
        (7, ["7"]),
        ({"red": 1, "round": 0, "new": None}, {"red": 1, "round": 0, "new": -1}),
        ({"red": True, "round": False}, {"red": 1, "round": 0}),
        ('{"red": 1}', {"red": 1}),
        (None, None),
        ("", None),
        ("  ", None),
        (math.nan, None),
    ],
)
def test_a_cell_says_what_holds(cell, marks):
    assert list(read_marks("tags", [cell])) == [marks]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("[red", "is not JSON"),
        ([["red"]], "is not a name"),
        ([None], "is not a label"),
        ({"red": 2}, "2 is neither 0 nor 1"),
        ({"red": "yes"}, "'yes' is neither 0 nor 1"),
        ({"red": [1]}, "neither 0 nor 1"),
        (b"red", "is not a name"),
    ],
)
def test_a_cell_that_says_nothing_clear_is_refused(cell, reason):
    with pytest.raises(DataError, match=reason):
        list(read_marks("tags", ["red", cell]))


def test_marks_name_their_labels():
    assert list(marks_of(["red", "round"])) == [("red", 1), ("round", 1)]
    assert list(marks_of({"red": 0})) == [("red", 0)]
    assert list(marks_of(None)) == []


def test_a_row_is_written_as_shortly_as_it_can_be():
    names = ["red", "round"]
    assert write_marks(names, [1, 0]) == ["red"]
    assert write_marks(names, [0, 0]) == []
    assert write_marks(names, [0, -1]) == {"red": 0}
    assert write_marks(names, [-1, -1]) is None
