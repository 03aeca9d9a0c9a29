import math

import pytest

from cli.figures import beside, fixed, significant


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.000"),
        (1.0, "1.000"),
        (0.123456, "0.1235"),
        (0.000123456, "1.235e-04"),
        (12.3456, "12.35"),
        (12345.6, "12,346"),
        (-9.99996, "-10.000"),
        (1e12, "1,000,000,000,000"),
        (math.nan, "–"),
    ],
)
def test_numbers_keep_the_digits_that_count(value, text):
    assert significant(value) == text


@pytest.mark.parametrize(
    ("value", "spread", "text"),
    [
        (23.456, 12.0, "23.5"),
        (-0.04, 12.0, "0.0"),
        (123456.7, 15000.0, "123,457"),
        (0.123456, 0.05, "0.1235"),
        (1.5e-9, 1e-9, "1.500e-09"),
    ],
)
def test_a_number_is_as_exact_as_its_spread_makes_sense_of(value, spread, text):
    assert beside(value, spread) == text


def test_what_is_not_defined_is_a_dash():
    assert fixed(math.nan, 3) == "–"
    assert fixed(0.5, 3) == "0.500"
