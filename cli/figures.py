"""Numbers as people read them."""

from __future__ import annotations

import math

NOTHING = "–"
"""Stands where a figure is not defined."""

_MOST_DECIMALS = 6
"""Decimals beyond which a number is written with a power of ten."""


def fixed(value: float, decimals: int) -> str:
    """Write a figure such as a rate with so many decimals."""
    return NOTHING if math.isnan(value) else f"{value:z.{decimals}f}"


def significant(value: float, digits: int = 4) -> str:
    """Write a number of any size with so many digits that count."""
    if math.isnan(value):
        return NOTHING
    exponent = math.floor(math.log10(abs(value))) if value else 0
    return _write(value, digits - 1 - exponent)


def beside(value: float, spread: float) -> str:
    """Write a number as exactly as its spread makes sense of: to a hundredth or less of it."""
    return _write(value, 2 - math.floor(math.log10(spread)))


def _write(value: float, decimals: int) -> str:
    if decimals > _MOST_DECIMALS:
        return f"{value:.3e}"
    return f"{value:z,.{max(decimals, 0)}f}"
