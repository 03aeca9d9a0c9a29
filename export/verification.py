"""The report of a verification: what was compared, and what came out, level by level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from export.parity import LARGEST_BOUND, Difference
from export.session import NodePlacement
from export.structure import Finding
from zoo.errors import VerificationError

Verdict = Literal["pass", "fail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureLevel:
    """L0: a valid, portable graph that says what is true of itself."""

    verdict: Verdict
    findings: tuple[Finding, ...]

    def explain(self) -> str:
        """Name the findings that failed."""
        return "; ".join(f"{f.name}: {f.detail}" for f in self.findings if not f.passed)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityLevel:
    """L1: the same numbers, for real and edge inputs in several batch sizes."""

    verdict: Verdict
    num_samples: int
    """Real images."""
    edge_inputs: tuple[str, ...]
    batch_sizes: tuple[int, ...]
    noise_floor: float
    """Largest distance of float32 from float64 PyTorch, in logits."""
    bound: float
    """Largest permitted difference, in logits."""
    logit_spread: float
    """Distance of the highest from the lowest logit, at the median; a bound of more than a
    hundredth of it proves nothing and fails."""
    max_abs_error: float
    """Of ONNX Runtime from float32 PyTorch, over all inputs and batch sizes."""
    mean_abs_error: float
    max_abs_error_float64: float
    """Of ONNX Runtime from float64 PyTorch, on the inputs for which that was computed."""
    argmax_agreement: float
    """Part of the real images with the same highest logit, in [0, 1]."""
    disagreements: tuple[str, ...]
    """Inputs whose highest logit differs although PyTorch is sure of it."""
    ties: tuple[str, ...]
    """Inputs whose two highest logits are within twice the bound: either answer is right."""
    worst: Difference
    worst_batch_size: int
    errors: dict[int, str]
    """What ONNX Runtime said, by batch size, where it did not run."""

    def explain(self) -> str:
        """Say where the two differ most, and by how much."""
        if self.errors:
            sizes = ", ".join(map(str, self.errors))
            return f"does not run in batches of {sizes}: {next(iter(self.errors.values()))}"
        if self.bound > LARGEST_BOUND * self.logit_spread:
            return (
                f"PyTorch's own noise, {self.noise_floor:.1e}, is too large beside the logits' "
                f"spread of {self.logit_spread:.1e}: nothing can be proved about this network"
            )
        worst = self.worst
        text = (
            f"{worst.sample} in a batch of {self.worst_batch_size}: logit of "
            f"{worst.class_name!r} is {worst.candidate:.6g} instead of {worst.reference:.6g}, "
            f"off by {self.max_abs_error:.2e} where {self.bound:.2e} is allowed"
        )
        if self.disagreements:
            text += f"; another class for {', '.join(self.disagreements[:5])}"
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricLevel:
    """L3: the same score on labelled images."""

    verdict: Verdict
    num_samples: int
    metric: str
    metric_torch: float
    metric_onnx: float
    metric_recorded: float | None
    """What training measured, where these are all the images that it measured on."""
    ties: int
    """Images on which the two may rightly differ."""

    def explain(self) -> str:
        """Put the scores side by side."""
        recorded = self.metric_recorded
        text = f"{self.metric} {self.metric_onnx:.4f} instead of {self.metric_torch:.4f}"
        return text + (f" (training measured {recorded:.4f})" if recorded is not None else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementLevel:
    """L4: every node that computes ran on the provider asked for."""

    verdict: Verdict
    placement: NodePlacement
    strays: dict[str, int]
    """Computing operators that ran on another provider."""

    def explain(self) -> str:
        """Name the operators that ran elsewhere."""
        strays = ", ".join(f"{count} {name}" for name, count in self.strays.items())
        return f"not on the GPU: {strays or 'every node'}"


Level = StructureLevel | ParityLevel | MetricLevel | PlacementLevel


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """`verification.json`."""

    format: Literal[1] = 1
    verdict: Verdict
    file: str
    sha256: str
    """Of the ONNX file that this is about."""
    levels: dict[str, Level]
    device: str
    device_name: str
    providers_requested: tuple[str, ...]
    providers_used: tuple[str, ...]
    tf32: bool
    """Whether float32 products were rounded to TF32: never, for a verdict."""
    versions: dict[str, str]

    def raise_if_failed(self) -> None:
        """Turn a failure into an error that names level, sample and distance.

        Raises:
            VerificationError: The verdict is `fail`.
        """
        failed = {name: level for name, level in self.levels.items() if level.verdict == "fail"}
        if failed:
            lines = [f"  {name} {level.explain()}" for name, level in failed.items()]
            raise VerificationError(
                f"{self.file} is not the model that was trained:\n" + "\n".join(lines),
                hint="do not deploy this file; verification.json has all figures",
            )


def verdict_of(passed: bool) -> Verdict:
    """Turn a check's outcome into a word."""
    return "pass" if passed else "fail"
