import math

import pytest

from zoo.card.figures import NOTHING, count, duration, error, interval, number, percent, rate


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1, "0.1000"), (3.14159, "3.142"), (1234567.0, "1.235e+06"), (1234.0, "1,234"), (0.0, "0")],
)
def test_numbers_of_any_size_have_four_digits(value, text):
    assert number(value) == text


@pytest.mark.parametrize("write", [percent, rate, number, error])
@pytest.mark.parametrize("value", [math.nan, math.inf, None])
def test_what_is_not_defined_is_a_dash(write, value):
    assert write(value) == NOTHING


def test_things_are_counted_by_name():
    assert (count(1, "class", "classes"), count(2, "class", "classes")) == ("1 class", "2 classes")
    assert count(1500, "image") == "1,500 images"


def test_durations_have_a_unit_that_suits_them():
    assert [duration(s) for s in (3.25, 600, 90_000)] == ["3.2 s", "10.0 min", "25.0 h"]


def test_the_interval_is_wilsons():
    """Figures of Newcombe (1998), table I: 81 of 263 and 15 of 148."""
    assert interval(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert interval(15 / 148, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)


def test_the_interval_of_all_or_nothing_stays_a_part():
    assert interval(1.0, 10)[1] == pytest.approx(1.0, abs=1e-12)
    assert interval(1.0, 10)[1] <= 1
    assert interval(0.0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
