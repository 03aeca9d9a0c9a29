"""Figures in words: parts, errors, durations, and how sure a part is."""

from __future__ import annotations

import math

NOTHING = "–"
"""Stands where a figure is not defined."""
_Z = 1.959964
"""Standard deviations that hold 95% of a normal distribution."""


def percent(part: float | None) -> str:
    """Write a part of the whole, in [0, 1]."""
    return NOTHING if part is None or not math.isfinite(part) else f"{100 * part:.1f}%"


def rate(value: float | None) -> str:
    """Write a score in [0, 1] or near it."""
    return NOTHING if value is None or not math.isfinite(value) else f"{value:.3f}"


def number(value: float | None, digits: int = 4) -> str:
    """Write a number of any size with so many digits that count."""
    if value is None or not math.isfinite(value):
        return NOTHING
    text = f"{value:.{digits}g}"
    return text if "e" in text else f"{float(text):,.{max(0, _decimals(value, digits))}f}"


def error(value: float | None) -> str:
    """Write how far two programs are apart."""
    return NOTHING if value is None or not math.isfinite(value) else f"{value:.1e}"


def size(num_bytes: float) -> str:
    """Write a file's size."""
    return f"{num_bytes / 1e6:,.1f} MB"


def duration(seconds: float) -> str:
    """Write a duration in the unit that people would choose."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes = seconds / 60
    return f"{minutes:.1f} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def count(how_many: int, one: str, several: str | None = None) -> str:
    """Count things by their name."""
    return f"{how_many:,} {one if how_many == 1 else several or f'{one}s'}"


def interval(part: float, trials: int) -> tuple[float, float]:
    """Bound a part that was seen in so many trials: 95% of such intervals hold the true one.

    Wilson's score interval, which stays in [0, 1] and is right for few trials
    (doi:10.1080/01621459.1927.10502953).
    """
    square = _Z * _Z / trials
    middle = (part + square / 2) / (1 + square)
    reach = _Z / (1 + square) * math.sqrt(part * (1 - part) / trials + square / (4 * trials))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def _decimals(value: float, digits: int) -> int:
    return digits - 1 - math.floor(math.log10(abs(value))) if value else 0
