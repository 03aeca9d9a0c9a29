"""L2 as a value: the figures of both pipelines from the encoded file on."""

from __future__ import annotations

from dataclasses import dataclass

from export.levels import TargetParity, explain_failures


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetPixels(TargetParity):
    """How near the answers to one target are, as `TargetParity` but for this.

    Distances are in nats of log-probability (that of two classes is one of two logits), or in the
    value's own unit. Probes count as real images do. A label's margin is the distance of its
    log-probability from that of its threshold, and a file whose `indices` are not in the falling
    order of their `probabilities` is a disagreement.
    """

    @property
    def noun(self) -> str:
        """What is compared."""
        return "value" if self.kind == "value" else "log-probability"


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelLevel(TargetPixels):
    """L2: the same answers from the encoded file, through training's pipeline and the exported.

    The figures of its own are those of the worst target.
    """

    num_samples: int
    """Real files, as they are."""
    probes: tuple[str, ...]
    """Kinds of encoded file that were made and sent through both as well."""
    preprocessing_provider: str
    """What of ONNX Runtime resized, cropped and normalised."""
    network_provider: str
    note: str
    """Why the two are not the same; empty where they are."""
    errors: dict[str, str]
    """What ONNX Runtime said, by file, where it did not run."""
    targets: dict[str, TargetPixels]
    """By name; at least one."""

    def explain(self) -> str:
        """Say where the two differ most, target by target."""
        if self.errors:
            files = ", ".join(list(self.errors)[:5])
            return f"does not run on {files}: {next(iter(self.errors.values()))}"
        return explain_failures(self.targets)
