"""What came of comparing an ONNX file with golden answers, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from zoo.errors import VerificationError

if TYPE_CHECKING:
    from zoo.recipes import TargetKind

Verdict = Literal["pass", "fail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetReplay:
    """How near the answers for one target are; the figures are those of the worst output."""

    verdict: Verdict
    kind: TargetKind
    bound: float
    """Largest permitted difference, in logits or in the value's own unit."""
    max_abs_error: float
    """From the trained model in float32, over all inputs and batch sizes; NaN where ONNX
    Runtime's answer is."""
    max_abs_error_float64: float
    """From the trained model in float64, of the same output."""
    agreement: float | None
    """Part of the inputs for which both decide alike, in [0, 1]; None for values."""
    sample: str
    """The input on which the two differ most."""
    output: str
    """The class, label or column on which they do."""
    batch_size: int
    """The one in which they do."""

    def explain(self) -> str:
        """Say where the two differ most, and by how much."""
        return (
            f"{self.sample} in a batch of {self.batch_size}: {self.output!r} is off by "
            f"{self.max_abs_error:.2e} where {self.bound:.2e} is allowed"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What came of comparing an ONNX file with the golden answers beside it."""

    format: Literal[1] = 1
    verdict: Verdict
    file: str
    sha256: str
    changes: tuple[str, ...]
    """In what the file is not the one that was exported, verified, or made of these weights."""
    targets: dict[str, TargetReplay]
    """By name; at least one."""
    inputs: tuple[str, ...]
    batch_sizes: tuple[int, ...]
    device: str
    providers_requested: tuple[str, ...]
    providers_used: tuple[str, ...]
    versions: dict[str, str]
    """Here."""
    golden: dict[str, str]
    """Where and with what the trained model answered."""

    def raise_if_failed(self) -> None:
        """Turn a failure into an error that names what differs.

        Raises:
            VerificationError: The verdict is `fail`.
        """
        failed = {name: found for name, found in self.targets.items() if found.verdict == "fail"}
        lines = [*self.changes, *(f"{name}: {found.explain()}" for name, found in failed.items())]
        if self.verdict == "fail":
            raise VerificationError(
                f"{self.file} is not the model that was trained:\n  " + "\n  ".join(lines),
                hint="do not deploy this file; copy the model folder again or export it anew",
            )
