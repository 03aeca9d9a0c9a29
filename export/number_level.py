"""L1 as a value: the figures of the numbers themselves."""

from __future__ import annotations

from dataclasses import dataclass

from export.levels import TargetParity, explain_failures
from export.parity import Difference
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
class TargetNumbers(TargetParity):
    """How near the numbers of one target are at L1."""

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

    def explain(self) -> str:
        """Say where the two differ most, and first of all whether inputs affect each other."""
        effect = self.batch_effect
        if effect is None or not effect.dependent:
            return TargetParity.explain(self)
        return f"{effect.explain(self.noun)}; {TargetParity.explain(self)}"


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
