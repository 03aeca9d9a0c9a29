"""What a user may ask of an export."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from export.attempts import Choice
from export.graph import OPSET
from export.precision import CALIBRATION_IMAGES, MAX_DROP, Precision

GoldenInputs = Literal["real", "edges", "none"]
"""What to keep golden answers to: edge inputs and real images, which whoever has the file can look
at; edge inputs alone; or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSettings:
    """How a model is to be exported."""

    exporter: Choice = "auto"
    """Which of torch's two exporters, or whichever passes verification."""
    opset: int = OPSET
    """Version of the operator set."""
    dynamic_size: bool = False
    """Take images of any height and width, where the network does."""
    embed_preprocessing: bool = False
    """Write a second graph, from uint8 images to probabilities."""
    golden: GoldenInputs = "real"
    precisions: tuple[Precision, ...] = ()
    """In which fewer bits to write it as well."""
    max_drop: float = MAX_DROP
    """Points that each target may lose to fewer bits."""
    calibration_images: int = CALIBRATION_IMAGES
    """Training images that ranges are taken from, at most."""
    locate: bool = False
    """Look for the first module that differs if the numbers do."""
