"""What became of a variant in fewer bits: figures, verdict, and the reasons in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from export.metric_text import show_metric
from zoo.recipes import TargetKind
from zoo.targets.scoring import Figure

Precision = Literal["fp16", "int8"]
PRECISIONS: tuple[Precision, ...] = ("fp16", "int8")

PrecisionVerdict = Literal["kept", "refused"]

_ALIKE = 0.98
"""Agreement below which it is said that answers are others, whatever the score is."""
_MOST_NAMES = 3
"""Nodes that a sentence names; the report has all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetChange:
    """What fewer bits do to the answers of one target, on validation images."""

    verdict: PrecisionVerdict
    kind: TargetKind
    metric: str
    """`top1` of classes; `macro_f1` of labels, at their thresholds; `mae` of one value and `r2`
    of several."""
    num_images: int
    """Images of which the target is known."""
    metric_float32: Figure
    metric_variant: Figure
    """NaN where an answer is no number."""
    drop: Figure
    """Points lost, negative where some are won. Of `mae` a point is a hundredth of the value's
    standard deviation in training, of everything else a hundredth of the metric."""
    agreement: Figure | None
    """Part of the images that both decide alike, in [0, 1]; None for values, which decide
    nothing."""
    max_abs_difference: Figure
    """Largest difference of an output from float32's, in logits or in the value's unit."""

    def show(self, figure: float) -> str:
        """Write a figure of this metric."""
        return show_metric(self.metric, figure)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What one way to lower the bits came to on training images that it was not fitted to."""

    method: str
    problem: str | None
    """Why nothing came of it."""
    noise: Figure
    """Distance from float32's answers over what tells those apart, of the worst target."""
    agreement: Figure | None
    """Part of the images that both decide alike, in [0, 1]; None where only values are told."""
    seconds: float
    """Of calibration, conversion and the images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeNoise:
    """How much of the noise some nodes make, when they alone are in fewer bits."""

    nodes: tuple[str, ...]
    """As `Operator (name)`; several where they were measured together."""
    noise: Figure
    """As that of a trial."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Concession:
    """What validation images said of a file, with some nodes given back to float32."""

    num_in_float: int
    """Nodes given back."""
    method: str
    """The best way to lower the others."""
    drop: Figure
    """The most points that a target loses; infinite where an answer is no number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """How long both take for one batch, in rounds in which they took turns."""

    batch_size: int
    threads: int
    """CPU threads of each session, within an operator."""
    float32_ms: float
    """Median over the rounds."""
    variant_ms: float
    ratio: float
    """Of the variant's over float32's, median of each round's: above 1 it is slower."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecisionReport:
    """All that was measured of one variant; of a refused one, of the best attempt."""

    precision: Precision
    verdict: PrecisionVerdict
    max_drop: float
    """The budget: points that each target may lose."""
    sha256: str
    """Of the bytes that were measured, 64 hex digits; a refused variant has no file."""
    size_bytes: int
    size_float32_bytes: int
    targets: dict[str, TargetChange]
    """By name; at least one."""
    finite: bool
    """Whether every answer is a number, to edge inputs too."""
    trouble: str | None
    """What became of the process that opened the file first, where that did not survive it."""
    method: str
    """What was tried and chosen: `fp16`, or what quantised."""
    trials: tuple[Trial, ...]
    """Every method tried, in the order of trying."""
    concessions: tuple[Concession, ...]
    """What was measured on validation images, in this order; one if nothing had to go back."""
    nodes_lowered: int
    """Nodes in fewer bits."""
    nodes_in_float: tuple[str, ...]
    """Nodes given back to float32, as `Operator (name)`, for what was measured of them."""
    blame: tuple[NodeNoise, ...]
    """Who makes the noise, the worst first; empty where nobody had to look."""
    calibration_images: int
    """Training images that the ranges were taken from."""
    trial_images: int
    """Other training images that methods and nodes were compared on."""
    device: str
    """`cpu` or `cuda`; where it was measured."""
    emulated: bool
    """Whether each float16 result was rounded by hand, on a processor that computes in none."""
    latency: tuple[Latency, ...]
    """By batch size; without one that either did not run with, and empty where the file cannot be
    opened."""
    seconds: float
    """Of everything."""

    @property
    def size_ratio(self) -> float:
        """Bytes over those of float32."""
        return self.size_bytes / self.size_float32_bytes

    @property
    def slower(self) -> bool:
        """Whether it needs longer than float32 in every batch size that was timed."""
        return bool(self.latency) and all(found.ratio > 1 for found in self.latency)

    def explain(self) -> str:
        """Say why it is refused, what it needed, and whether it is any faster, in sentences."""
        said = (self._reasons(), self._otherwise(), self._float_nodes(), self._speed())
        return " ".join(sentence for part in said for sentence in part)

    def _reasons(self) -> Iterator[str]:
        """Say what is wrong, and who is to blame."""
        if self.trouble is not None:
            yield f"ONNX Runtime cannot be trusted with it: {self.trouble}."
        if not self.finite:
            yield "Answers are no numbers for some inputs."
        for name, found in self.targets.items():
            if found.verdict == "refused":
                yield f"{name}: {_explain_change(found, self.max_drop)}."
        if self.verdict == "refused" and self.blame:
            worst = (f"{_few(b.nodes)} {b.noise:.1%}" for b in self.blame[:_MOST_NAMES])
            yield f"Noise of the worst nodes alone: {', '.join(worst)}."

    def _otherwise(self) -> Iterator[str]:
        """Say where a score hides that many answers are others, as many for better as for worse."""
        for name, found in self.targets.items():
            if found.agreement is not None and found.agreement < _ALIKE:
                yield f"{name}: {1 - found.agreement:.1%} of the images are decided otherwise."

    def _float_nodes(self) -> Iterator[str]:
        if self.nodes_in_float:
            yield f"Left in float32, as measured: {_few(self.nodes_in_float)}."

    def _speed(self) -> Iterator[str]:
        """Say plainly where nothing is gained."""
        if self.precision == "fp16" and self.device == "cpu":
            yield (
                "On a CPU float16 gains nothing but space: ONNX Runtime computes in float32 there."
            )
        if self.slower:
            times = " and ".join(f"{found.ratio:.2f} times" for found in self.latency)
            yield f"Slower than float32 here: {times} its time."


def _explain_change(found: TargetChange, max_drop: float) -> str:
    """Put both scores side by side."""
    scores = (
        f"{found.metric} {found.show(found.metric_variant)} instead of "
        f"{found.show(found.metric_float32)}"
    )
    if found.num_images == 0:
        return "no validation image tells its truth, so that nothing can be said of it"
    return f"{scores}, {found.drop:.2f} points where {max_drop:g} are allowed"


def _few(names: tuple[str, ...]) -> str:
    """Name a few, and count the others."""
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"{', '.join(names[:_MOST_NAMES])}{more}"
