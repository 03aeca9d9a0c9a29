"""The report of a verification: which file, where, with what outcome at each level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from export.levels import Level, Verdict
from zoo.errors import VerificationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """`verification.json`."""

    format: Literal[2] = 2
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
