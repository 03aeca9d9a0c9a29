"""What the metrics of several kinds of target share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import torch
from pydantic import BeforeValidator, ConfigDict
from torch import Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zoo.data.dataset import Truth

MISSING = -1
"""Stands in truths of classes and labels where nothing is known."""

CALIBRATION_BINS = 15
"""Equal bins of probability that calibration errors are measured over."""

_HUGE = 1e6
"""From where a figure is written with a power of ten."""

STRICT = ConfigDict(extra="forbid")


def _read_figure(value: object) -> object:
    return math.nan if value is None else value


Figure = Annotated[float, BeforeValidator(_read_figure)]
"""A number that is NaN where it is not defined; JSON knows no NaN, and says null."""


def say_figure(value: float) -> str:
    """Write a loss or a score in a few characters, however large it is."""
    huge = math.isfinite(value) and abs(value) >= _HUGE
    return f"{value:.1e}".replace("e+", "e") if huge else f"{value:.3f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The one figure that a model is judged by."""

    name: str
    value: float
    """NaN if no row says anything of it."""
    higher_is_better: bool

    def __str__(self) -> str:
        return f"{self.name} {say_figure(self.value)}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rates:
    """Precision, recall and F1 from counts, each float64 [C]; 0 where nothing was counted."""

    precision: Tensor
    recall: Tensor
    f1: Tensor
    macro_f1: float
    """Mean over what occurs among truths or guesses; NaN if nothing does."""

    @classmethod
    def of(cls, hits: Tensor, guessed: Tensor, support: Tensor) -> Rates:
        """Derive them from the right guesses, all guesses, and all truths, by name."""
        f1 = _ratio(2 * hits, guessed + support)
        return cls(
            precision=_ratio(hits, guessed),
            recall=_ratio(hits, support),
            f1=f1,
            macro_f1=f1[(guessed + support) > 0].mean().item(),
        )

    def columns(self) -> tuple[list[float], list[float], list[float]]:
        """Precision, recall and F1 as numbers."""
        return self.precision.tolist(), self.recall.tolist(), self.f1.tolist()


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    return part.double() / whole.clamp_min(1)


class _HasPresent(Protocol):
    def present(self, truth: Truth) -> NDArray[Any]:
        """Whether a row says anything."""


def keep_present(target: _HasPresent, outputs: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Bring outputs (float32) and truth to the CPU, without the rows that say nothing."""
    known = truth.detach().cpu()
    rows = torch.from_numpy(target.present(known.numpy()))
    return outputs.detach().float().cpu()[rows], known[rows]
