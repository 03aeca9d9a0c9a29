import math
from decimal import Decimal

import numpy as np
import pytest

from zoo.errors import DataError
from zoo.targets.cells import items_of, name_of, names_hint, number_of, read_column, refuse


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("cat", "cat"),
        (" cat ", " cat "),
        ("007", "007"),
        ("nan", "nan"),
        (7, "7"),
        (7.0, "7"),
        (7.5, "7.5"),
        (np.int64(7), "7"),
        (np.str_("猫"), "猫"),
        (True, "true"),
        (np.False_, "false"),
    ],
)
def test_a_name_is_what_a_table_shows(cell, name):
    assert name_of(cell) == name


@pytest.mark.parametrize("cell", [None, "", "  ", "\t\n", math.nan, np.float32("nan")])
def test_blank_cells_name_nothing(cell):
    assert name_of(cell) == ""


@pytest.mark.parametrize("cell", [["cat"], {"cat": 1}, b"cat", object(), np.datetime64("2026")])
def test_what_is_no_single_value_is_no_name(cell):
    with pytest.raises(ValueError, match="is not a name"):
        name_of(cell)


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        (3, 3.0),
        (np.float32(0.5), 0.5),
        (Decimal("1.25"), 1.25),
        ("12.5", 12.5),
        (" -3e-4\n", -3e-4),
        ("+.5", 0.5),
        ("5.", 5.0),
        ("1E3", 1000.0),
        (3.4e38, 3.4e38),
    ],
)
def test_numbers_are_read_as_written(cell, number):
    assert number_of(cell) == number


@pytest.mark.parametrize("cell", [None, "", " ", "nan", " NaN ", math.nan, np.float64("nan")])
def test_cells_without_a_number_are_nan(cell):
    assert math.isnan(number_of(cell))


@pytest.mark.parametrize(
    "cell",
    ["1 200", "1,5", "1_000", "0x10", "12 kg", "१२", "infinity", "-inf", True, [1], 1j, b"1"],
)
def test_what_is_no_plain_number_is_refused(cell):
    with pytest.raises(ValueError, match="is not a number"):
        number_of(cell)


@pytest.mark.parametrize("cell", [math.inf, -math.inf, 3.5e38, "1e400", 10**400, -(10**39)])
def test_numbers_beyond_float32_are_refused(cell):
    with pytest.raises(ValueError, match="beyond what float32 holds"):
        number_of(cell)


def test_only_sequences_hold_several_values():
    assert items_of([1, "a"]) == [1, "a"]
    assert items_of(np.array([1.5, 2.5])) == [1.5, 2.5]
    assert items_of(()) == []
    assert items_of("abc") is None
    assert items_of(None) is None


def test_an_error_counts_all_mistakes_and_shows_the_first():
    error = refuse("shop", {row: f"bad {row}" for row in range(3, 300)}, 1000, hint="mend them")
    assert isinstance(error, DataError)
    assert error.problem.splitlines() == [
        "target 'shop': 297 of 1000 cells cannot be used:",
        *(f"  row {row + 1}: bad {row}" for row in range(3, 8)),
        "  and 292 more",
    ]
    assert error.hint == "mend them"


def test_a_column_is_read_to_its_end_before_it_is_refused():
    seen: list[float] = []
    with pytest.raises(DataError, match="2 of 4 cells") as caught:
        seen.extend(read_column("x", ["a", "1", "b", "2"], number_of, -1.0, hint="mend"))
    assert seen == [-1.0, 1.0, -1.0, 2.0]
    assert [line.split(":")[0] for line in caught.value.problem.splitlines()[1:]] == [
        "  row 1",
        "  row 3",
    ]


def test_the_hint_names_what_was_meant_and_a_few_of_many():
    assert names_hint(["cat", "dog"], "dgo") == "did you mean 'dog'? known are 'cat', 'dog'"
    many = [f"class {at}" for at in range(8)]
    assert names_hint(many, "zebra").endswith("'class 4' and 3 more")
