"""Scores of the `value` target, over the cells that are known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from zoo.targets.scoring import STRICT, Figure, Headline


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueScore:
    """How well one value is told; NaN where none is known."""

    __pydantic_config__ = STRICT

    name: str
    mae: Figure
    """Mean absolute error, in the value's own unit."""
    rmse: Figure
    """Root of the mean squared error, in the value's own unit."""
    r2: Figure
    """Part of the variance that is explained, at most 1; NaN where there is no variance."""
    support: int
    """Samples whose value is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueMetrics:
    """Scores of a regression over what is known; NaN where nothing is."""

    __pydantic_config__ = STRICT

    kind: Literal["value"] = "value"
    num_samples: int
    """Samples of which at least one value is known."""
    loss: Figure
    """Mean squared error of the known cells, in squared standard deviations."""
    r2: Figure
    """Mean over the values that vary."""
    per_value: tuple[ValueScore, ...]

    @property
    def mae(self) -> float | None:
        """Of the only value, in its unit; None with several, whose units differ."""
        return self.per_value[0].mae if len(self.per_value) == 1 else None

    @property
    def rmse(self) -> float | None:
        """Of the only value, in its unit; None with several."""
        return self.per_value[0].rmse if len(self.per_value) == 1 else None

    @property
    def headline(self) -> Headline:
        """What a regression is judged by: the error of one value, R² of several."""
        if self.mae is not None:
            return Headline(name="MAE", value=self.mae, higher_is_better=False)
        return Headline(name="R²", value=self.r2, higher_is_better=True)


def score_values(
    outputs: Tensor, truth: Tensor, names: Sequence[str], std: Sequence[float]
) -> ValueMetrics:
    """Score outputs [N, V] against truth [N, V] in the same units, NaN where missing."""
    errors = outputs.double() - truth
    known = ~truth.isnan()
    scores = tuple(
        _score(name, errors[known[:, at], at], truth[known[:, at], at])
        for at, name in enumerate(names)
    )
    return ValueMetrics(
        num_samples=len(truth),
        loss=(errors / torch.tensor(std, dtype=torch.float64))[known].square().mean().item(),
        r2=torch.tensor([score.r2 for score in scores], dtype=torch.float64).nanmean().item(),
        per_value=scores,
    )


def _score(name: str, errors: Tensor, truth: Tensor) -> ValueScore:
    """Score one value. torchmetrics' R² takes any variance below 1e-4 for none."""
    variation = (truth - truth.mean()).square().sum().item()
    return ValueScore(
        name=name,
        mae=errors.abs().mean().item(),
        rmse=errors.square().mean().sqrt().item(),
        r2=1 - errors.square().sum().item() / variation if variation > 0 else math.nan,
        support=len(truth),
    )
