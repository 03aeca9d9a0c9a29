"""How the figure of a metric is written for people."""

from __future__ import annotations


def show_metric(metric: str, figure: float) -> str:
    """Write a figure: errors are as large as the user's unit makes them, all else is a part."""
    return f"{figure:.6g}" if metric == "mae" else f"{figure:.4f}"
