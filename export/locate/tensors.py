"""How one array of weights differs from another, in words."""

from __future__ import annotations

import numpy as np

_ROUNDING = 1e-6
"""Relative difference that folding on another machine may make."""


def describe_change(found: np.ndarray, clean: np.ndarray) -> str | None:
    """Say how weights differ from what they should be, or nothing if they do not."""
    if found.shape != clean.shape:
        return f"has shape {_show_shape(found)} instead of {_show_shape(clean)}"
    if found.size <= 1 or not np.issubdtype(clean.dtype, np.floating):
        return None if _same(found, clean) else f"is {_show(found)} instead of {_show(clean)}"
    if _same(found, clean):
        return None
    return _name_pattern(found, clean) or _count_rows(found, clean)


def _name_pattern(found: np.ndarray, clean: np.ndarray) -> str | None:
    """Recognise what is commonly done to weights."""
    with np.errstate(over="ignore"):
        if np.array_equal(found, clean.astype(np.float16).astype(found.dtype)):
            return "is rounded to float16"
    for axes in _turns(clean):
        if _same(found, clean.transpose(axes)):
            return f"has its axes in the order {axes}"
    for axis in range(clean.ndim):
        if clean.shape[axis] > 1 and _same(found, np.flip(clean, axis)):
            return f"is turned around along axis {axis}"
    if moved := _find_order(found, clean):
        return f"has its rows in another order: {moved}"
    largest = np.unravel_index(np.abs(clean).argmax(), clean.shape)
    factor = float(found[largest] / clean[largest]) if clean[largest] else 0.0
    return f"is multiplied by {factor:.6g}" if factor and _same(found, clean * factor) else None


def _count_rows(found: np.ndarray, clean: np.ndarray) -> str:
    """Say along which axis the fewest rows differ, how many, and by how much."""
    near = np.isclose(found, clean, rtol=_ROUNDING, atol=_spacing(clean))
    counts = [
        int((~near).any(axis=tuple(a for a in range(clean.ndim) if a != axis)).sum())
        for axis in range(clean.ndim)
    ]
    parts = [count / size for count, size in zip(counts, clean.shape, strict=True)]
    axis = int(np.argmin(parts))
    changed = (~near).any(axis=tuple(a for a in range(clean.ndim) if a != axis))
    rows = np.flatnonzero(changed)
    zeroed = not np.take(found, rows, axis).any()
    largest = np.abs(found.astype(np.float64) - clean).max()
    manner = "is zero" if zeroed else "differs"
    places = f" ({', '.join(map(str, rows[:5]))})" if len(rows) <= 5 else ""
    return (
        f"{manner} in {len(rows)} of {clean.shape[axis]} places{places} along axis {axis}, "
        f"by up to {largest:.2g}"
    )


def _find_order(found: np.ndarray, clean: np.ndarray) -> str | None:
    """Tell which rows stand where others should, if all are there."""
    rows, wanted = (a.reshape(len(a), -1) for a in (found, clean))
    where = {row.tobytes(): at for at, row in enumerate(wanted)}
    order = [where.get(row.tobytes()) for row in rows]
    if None in order or len(set(order)) < len(order):
        return None
    moved = [f"{at} is {came}" for at, came in enumerate(order) if at != came]
    return ", ".join(moved[:4]) + (", …" if len(moved) > 4 else "")


def _turns(clean: np.ndarray) -> list[tuple[int, ...]]:
    """List the exchanges of two axes that leave the shape as it is."""
    found = []
    for one in range(clean.ndim):
        for other in range(one + 1, clean.ndim):
            axes = list(range(clean.ndim))
            axes[one], axes[other] = other, one
            if clean.shape[one] == clean.shape[other] > 1:
                found.append(tuple(axes))
    return found


def _same(found: np.ndarray, clean: np.ndarray) -> bool:
    if not np.issubdtype(clean.dtype, np.floating):
        return np.array_equal(found, clean)
    return np.allclose(found, clean, rtol=_ROUNDING, atol=_spacing(clean))


def _spacing(clean: np.ndarray) -> float:
    """What float32 cannot tell from zero beside the largest weight."""
    return float(np.finfo(np.float32).eps * np.abs(clean).max(initial=0.0))


def _show(array: np.ndarray) -> str:
    return np.array2string(array, precision=6, threshold=8)


def _show_shape(array: np.ndarray) -> str:
    return str(list(array.shape))
