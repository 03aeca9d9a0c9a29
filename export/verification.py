"""The report of a verification: which file, where, with what outcome at each level."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from export.attempts import Attempt
from export.files import RAW_FILE
from export.image_sizes import SizesLevel
from export.levels import MetricLevel, PlacementLevel, StructureLevel, Verdict
from export.locate import Location
from export.number_level import ParityLevel
from export.pixel_level import PixelLevel
from export.precision import PrecisionReport
from export.tf32 import Tf32Effect
from zoo.errors import VerificationError

Level = StructureLevel | ParityLevel | SizesLevel | PixelLevel | MetricLevel | PlacementLevel


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """`verification.json`."""

    format: Literal[3] = 3
    verdict: Verdict
    """`pass` where every level passes."""
    file: str
    """Its name in the model folder's `onnx`."""
    sha256: str
    """Of the ONNX file that this is about."""
    others: dict[str, str]
    """The sha256 of files that belong to it, by name: weights beside it, and the graph with
    preprocessing inside."""
    attempts: tuple[Attempt, ...] = ()
    """Exporters that were tried, in order; none where an earlier export was verified again."""
    levels: dict[str, Level]
    """Those that were examined, by name: L0, L1 and L3 always, `L1 sizes` of a graph for images of
    any size, L2 of a graph with preprocessing inside, L4 on a GPU."""
    precisions: dict[str, PrecisionReport] = field(default_factory=dict)
    """What became of the same network in fewer bits, by `fp16` and `int8`, where that was asked
    for; a budget of accuracy of its own, and no part of the verdict."""
    device: str
    """`cpu`, `cuda` or `cuda:1`; of both programs."""
    device_name: str
    providers_requested: tuple[str, ...]
    """Execution providers of ONNX Runtime, the preferred one first."""
    providers_used: tuple[str, ...]
    """Those that the session really had."""
    tf32: bool
    """Whether float32 products were rounded to TF32: never, for a verdict."""
    tf32_effect: dict[str, Tf32Effect] | None = None
    """How far TF32 would move the answers of both, by target; None where there is no GPU."""
    location: Location | None = None
    """Where the two part, if that was looked for and found."""
    versions: dict[str, str]
    """Of Python, and of the packages that compute."""

    def raise_if_failed(self) -> None:
        """Turn a failure into an error that names level, sample and distance.

        Raises:
            VerificationError: The verdict is `fail`.
        """
        failed = {name: level for name, level in self.levels.items() if level.verdict == "fail"}
        if failed:
            lines = [f"  {name} {level.explain()}" for name, level in failed.items()]
            lines += [f"  {self.location.explain()}"] if self.location else []
            file = RAW_FILE.name if set(failed) == {"L2"} else self.file
            raise VerificationError(
                f"{file} is not the model that was trained:\n" + "\n".join(lines),
                hint="do not deploy this file; verification.json has all figures",
            )

    def raise_if_refused(self) -> None:
        """Turn fewer bits that cost too much into an error.

        Raises:
            VerificationError: A variant is outside its budget.
        """
        refused = [found for found in self.precisions.values() if found.verdict == "refused"]
        if refused:
            lines = [f"  {found.precision} {found.explain()}" for found in refused]
            raise VerificationError(
                "not within the accuracy budget:\n" + "\n".join(lines),
                hint="--max-drop allows more points, --calibration-images takes more images",
            )
