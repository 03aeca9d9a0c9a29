"""L1 as a value: the figures of the numbers themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from export.levels import TargetParity, Verdict, explain_distance, explain_failures
from export.parity import Difference, Tolerance, part_of
from zoo.targets.scoring import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchEffect:
    """How far answers move with the batch that an input is in, by rounding or by mistake."""

    max_abs_error: Figure
    """Largest distance of an answer in a batch from the one to the same input alone."""
    bound: Figure
    """What rounding permits: the bound of the same outputs."""
    dependent: tuple[str, ...]
    """Inputs whose answers move further: they depend on their neighbours, or on their place."""
    worst: Difference
    """`reference` is the answer alone, `candidate` that in a batch."""
    batch_size: int
    """The size of that batch."""

    def explain(self, noun: str) -> str:
        """Say whose answer moves most."""
        worst = self.worst
        return (
            f"the answer for {worst.sample} depends on its neighbours: {noun} of "
            f"{worst.output!r} is {worst.candidate:.6g} in a batch of {self.batch_size} and "
            f"{worst.reference:.6g} alone"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeNumbers:
    """How near the numbers are on edge inputs, each of which has a bound of its own.

    The figures are those of the worst, `worst.sample`: what fails, then what takes the largest
    part of its bound.
    """

    verdict: Verdict
    """Of all edge inputs."""
    noise_floor: Figure
    """The largest of the reference's error on this input, of the real images' noise floor, and of
    that at the range of this input's answers."""
    bound: Figure
    """Largest permitted difference; never less than that of the real images."""
    spread: Figure
    """What the bound may be a hundredth of: the real images' spread, or the range of this input's
    own answers if that is larger. Of classes, the distance of its highest from its lowest logit;
    of labels and values, from what real images are answered at the median."""
    max_abs_error: Figure
    """Of ONNX Runtime from float32 PyTorch, over all batch sizes."""
    max_abs_error_float64: Figure
    """The candidate's error: of ONNX Runtime from float64 PyTorch."""
    error_ratio: Figure
    """That over the noise floor."""
    worst: Difference
    worst_batch_size: int

    @property
    def badness(self) -> float:
        """How much of what is permitted is taken."""
        return part_of(self.max_abs_error, self.bound)

    def explain(self, noun: str) -> str:
        """Say where the two differ most, and by how much."""
        worst = self.worst
        tolerance = Tolerance(noise_floor=self.noise_floor, bound=self.bound, spread=self.spread)
        if tolerance.is_meaningful:
            return explain_distance(
                worst, self.worst_batch_size, noun, self.max_abs_error, self.bound
            )
        return (
            f"PyTorch's own noise for {worst.sample}, {self.noise_floor:.1e}, asks for a bound of "
            f"{self.bound:.1e}, which is too large beside its answers' range of {self.spread:.1e}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetNumbers(TargetParity):
    """How near the numbers of one target are at L1.

    Distances, `agreement` and `worst` are of real images; `edges` has those of edge inputs.
    """

    error_ratio: Figure
    """The candidate's error over the reference's: about 1 for a program that is as good as
    PyTorch; NaN where both are 0, infinite where only PyTorch's is."""
    num_sure: int
    """Real images that PyTorch is sure of: no ties; 0 for values."""
    sure_agreement: Figure | None
    """Part of these for which both decide alike, in [0, 1]; NaN where there are none, None for
    values."""
    batch_effect: BatchEffect | None
    """None where it does not run in a batch of one, or only in that."""
    edges: EdgeNumbers
    """The same of edge inputs, which have bounds of their own."""

    @property
    def badness(self) -> tuple[bool, float]:
        """What the worst of several targets has most of: a failure, then error."""
        real = part_of(self.max_abs_error, self.bound)
        return self.verdict == "fail", max(real, self.edges.badness)

    @property
    def worst_input(self) -> str:
        """The input, real or not, that takes the largest part of its bound."""
        real = part_of(self.max_abs_error, self.bound)
        return self.edges.worst.sample if self.edges.badness > real else self.worst.sample

    def explain(self) -> str:
        """Say where the two differ most, and first of all whether inputs affect each other."""
        return "; ".join(self._reasons())

    def _reasons(self) -> Iterator[str]:
        effect, edges = self.batch_effect, self.edges
        if effect is not None and effect.dependent:
            yield effect.explain(self.noun)
        within = self.tolerance.is_meaningful and self.max_abs_error <= self.bound
        if not within or edges.verdict == "pass":
            yield TargetParity.explain(self)
        if edges.verdict == "fail":
            decisions = self.explain_decisions() if within else ""
            yield edges.explain(self.noun) + decisions


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityLevel(TargetNumbers):
    """L1: the same numbers, for real and edge inputs in several batch sizes.

    The figures of its own are those of the worst target.
    """

    num_samples: int
    """Real images."""
    edge_inputs: tuple[str, ...]
    batch_sizes: tuple[int, ...]
    errors: dict[int, str]
    """What ONNX Runtime said, by batch size, where it did not run."""
    probed: tuple[str, ...]
    """Inputs that ran in float64 and in every batch size; the others ran in one."""
    targets: dict[str, TargetNumbers]
    """By name; at least one."""

    def explain(self) -> str:
        """Say where the two differ most, target by target."""
        if self.errors:
            sizes = ", ".join(map(str, self.errors))
            return f"does not run in batches of {sizes}: {next(iter(self.errors.values()))}"
        return explain_failures(self.targets)
