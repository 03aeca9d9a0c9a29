"""Levels of a verification as values: their figures, and what to say where they fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from export.finding import Finding
from export.metric_text import show_metric
from export.parity import Difference, Tolerance, part_of
from export.placement import NodePlacement, PlacementSource
from zoo.recipes import TargetKind
from zoo.targets.scoring import Figure

Verdict = Literal["pass", "fail"]


def verdict_of(passed: bool) -> Verdict:
    """Turn a check's outcome into a word."""
    return "pass" if passed else "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureLevel:
    """L0: a valid, portable graph that says what is true of itself."""

    verdict: Verdict
    findings: tuple[Finding, ...]

    def explain(self) -> str:
        """Name the findings that failed."""
        return "; ".join(f"{f.name}: {f.detail}" for f in self.findings if not f.passed)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetParity:
    """How near the numbers of one target are; of several values, those of the worst."""

    verdict: Verdict
    kind: TargetKind
    noise_floor: Figure
    """The reference's error: largest distance of float32 from float64 PyTorch; like all
    distances here in logits, or in the value's own unit."""
    bound: Figure
    """Largest permitted difference."""
    spread: Figure
    """What tells answers apart; a bound of more than a hundredth of it proves nothing and
    fails. Of classes, the distance of the highest from the lowest logit, at the median; of
    labels and values, that of the 95th from the 5th percentile over the inputs."""
    max_abs_error: Figure
    """Of ONNX Runtime from float32 PyTorch, over all inputs and batch sizes."""
    mean_abs_error: Figure
    max_abs_error_float64: Figure
    """The candidate's error: of ONNX Runtime from float64 PyTorch, on the same inputs as the
    noise floor."""
    agreement: Figure | None
    """Part of the real images for which both decide the same class, or the same labels, in
    [0, 1]; None for values, which decide nothing."""
    disagreements: tuple[str, ...]
    """Inputs decided otherwise although PyTorch is sure of them."""
    ties: tuple[str, ...]
    """Inputs that may rightly be decided either way: their two highest logits are within twice
    the bound, or a label's logit is within the bound of its threshold."""
    worst: Difference
    worst_batch_size: int

    @property
    def badness(self) -> tuple[bool, float]:
        """What the worst of several targets has most of: a failure, then error."""
        return self.verdict == "fail", part_of(self.max_abs_error, self.bound)

    @property
    def tolerance(self) -> Tolerance:
        """How far the two were permitted to be apart."""
        return Tolerance(noise_floor=self.noise_floor, bound=self.bound, spread=self.spread)

    @property
    def noun(self) -> str:
        """What is compared."""
        return "value" if self.kind == "value" else "logit"

    def explain(self) -> str:
        """Say where the two differ most, and by how much."""
        if not self.tolerance.is_meaningful:
            return (
                f"PyTorch's own noise, {self.noise_floor:.1e}, asks for a bound of "
                f"{self.bound:.1e}, which is too large beside the {self.spread:.1e} over which "
                "answers spread: nothing can be proved about this network"
            )
        distance = explain_distance(
            self.worst, self.worst_batch_size, self.noun, self.max_abs_error, self.bound
        )
        return distance + self.explain_decisions()

    def explain_decisions(self) -> str:
        """Say for which inputs something else is decided, if for any."""
        if not self.disagreements:
            return ""
        answer = "another class" if self.kind == "class" else "other labels"
        return f"; {answer} for {', '.join(self.disagreements[:5])}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetScore:
    """How well both score on one target."""

    verdict: Verdict
    metric: str
    """`top1` of classes; `macro_f1` of labels, at their thresholds; `mae` of one value and `r2`
    of several."""
    num_samples: int
    """Images of which the target is known."""
    metric_torch: Figure
    """NaN where the images do not define it; then ONNX's has to be NaN too."""
    metric_onnx: Figure
    metric_recorded: Figure | None
    """What training measured, where these are all the images that it measured on."""
    least: Figure
    """The lowest figure of any program whose outputs are within the bound of PyTorch's."""
    most: Figure
    """The highest."""
    ties: int
    """Images that may rightly be decided either way."""

    def show(self, figure: float) -> str:
        """Write a figure of this metric."""
        return show_metric(self.metric, figure)

    def explain(self) -> str:
        """Put the scores side by side."""
        text = (
            f"{self.metric} {self.show(self.metric_onnx)} instead of {self.show(self.metric_torch)}"
        )
        if self.metric_recorded is None:
            return text
        return f"{text} (training measured {self.show(self.metric_recorded)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricLevel(TargetScore):
    """L3: the same score on labelled images.

    The figures of its own are those of the first target that fails, or of the first.
    """

    targets: dict[str, TargetScore]
    """By name; at least one."""

    def explain(self) -> str:
        """Put the scores side by side, target by target."""
        return explain_failures(self.targets)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementLevel:
    """L4: every node that computes ran on the provider asked for."""

    verdict: Verdict
    placement: NodePlacement
    strays: tuple[str, ...]
    """Nodes that compute and ran on another provider, as `Operator (name)`."""
    num_shape_nodes: int
    """Nodes of arithmetic on sizes that ran on another provider, which is as it should be."""
    source: PlacementSource
    """Who told: the session itself, or the profile of a run."""
    strict: bool
    """Whether ONNX Runtime was to refuse a graph of which anything is left to the CPU."""

    def explain(self) -> str:
        """Name the nodes that ran elsewhere."""
        more = f" and {len(self.strays) - 5} more" if len(self.strays) > 5 else ""
        return f"not on the GPU: {', '.join(self.strays[:5]) or 'every node'}{more}"


def explain_distance(
    worst: Difference, batch_size: int, noun: str, error: float, bound: float
) -> str:
    """Say where two programs differ most, and by how much."""
    return (
        f"{worst.sample} in a batch of {batch_size}: {noun} of {worst.output!r} is "
        f"{worst.candidate:.6g} instead of {worst.reference:.6g}, off by {error:.2e} where "
        f"{bound:.2e} is allowed"
    )


def figures_of(target: TargetParity | TargetScore) -> dict[str, Any]:
    """Take the figures of one target for those of its level."""
    return {field.name: getattr(target, field.name) for field in fields(target)}


def explain_failures(targets: Mapping[str, TargetParity] | Mapping[str, TargetScore]) -> str:
    """Put what the failed ones say behind each other, with their names if there are others."""
    failed = {name: found for name, found in targets.items() if found.verdict == "fail"}
    if len(targets) == 1:
        return "".join(found.explain() for found in failed.values())
    return "; ".join(f"{name}: {found.explain()}" for name, found in failed.items())
