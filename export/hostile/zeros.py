"""Zeros of the shape that a model asks for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

_FREE_AXIS = 224
"""What an axis of any length gets: patches of 14, 16, 28 and 32 pixels tile it."""
_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}


def make_zeros(inputs: Iterable[Any]) -> dict[str, np.ndarray[Any, Any]]:
    """Make one sample of zeros for each input of a session.

    Raises:
        KeyError: An input is none of zoo's, such as text.
    """
    return {value.name: np.zeros(_shape(value.shape), _TYPES[value.type]) for value in inputs}


def _shape(axes: Iterable[object]) -> tuple[int, ...]:
    free = (1, _FREE_AXIS)
    return tuple(
        axis if isinstance(axis, int) else free[at > 0] for at, axis in enumerate(axes or ())
    )
