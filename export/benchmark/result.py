"""What was measured, with every round's figures."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from export.benchmark.answers import Closeness
from export.benchmark.conditions import Conditions
from export.benchmark.contenders import Contender


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The middle of some figures, and the middle half of them."""

    low: float
    """A quarter of them are below."""
    median: float
    high: float
    """A quarter of them are above."""


def spread_of(values: Sequence[float]) -> Spread:
    """Find median and quartiles; of one figure, all three are it."""
    if len(values) == 1:
        return Spread(low=values[0], median=values[0], high=values[0])
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(low=low, median=median, high=high)


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmUp:
    """What came before the clock."""

    open_s: float
    """To copy the weights or to open the session, seconds."""
    first_s: float
    """The first call, seconds; it compiles, or searches for the fastest algorithms."""
    calls: int
    """How often it ran before it was measured, the first call included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One contender at one batch size."""

    contender: str
    """Its name."""
    problem: str = ""
    """Why it was not measured; empty where it was."""
    rounds_ms: tuple[float, ...] = ()
    """Milliseconds of a call, in each round."""
    milliseconds: Spread | None = None
    """Of a call, over the rounds."""
    images_per_second: float | None = None
    """Batch size over the median."""
    speedup: Spread | None = None
    """How many times as fast as eager PyTorch: of each round's ratio, not of the medians'."""
    calls_per_round: int = 0
    """Calls in a row that one figure is the mean of."""
    warm_up: WarmUp | None = None
    closeness: Closeness | None = None
    """Its answers beside eager PyTorch's; before the first round."""
    placement: dict[str, int] | None = None
    """Nodes of the graph by execution provider, where the session tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """All contenders at one batch size."""

    batch_size: int
    rows: tuple[Row, ...]
    """Eager PyTorch first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """What `zoo benchmark` writes."""

    format: Literal[1] = 1
    model: str
    """The backbone's name."""
    weights_sha256: str
    """Of `model.safetensors`."""
    reference: str
    """The contender that all are compared with."""
    contenders: tuple[Contender, ...]
    conditions: Conditions
    batches: tuple[BatchResult, ...]
