"""A proved float32 graph in fewer bits, kept only within an accuracy budget."""

from export.precision.make import CALIBRATION_IMAGES, MAX_DROP, Variant, make_precisions
from export.precision.report import (
    PRECISIONS,
    Concession,
    Latency,
    NodeNoise,
    Precision,
    PrecisionReport,
    TargetChange,
    Trial,
)

__all__ = [
    "CALIBRATION_IMAGES",
    "MAX_DROP",
    "PRECISIONS",
    "Concession",
    "Latency",
    "NodeNoise",
    "Precision",
    "PrecisionReport",
    "TargetChange",
    "Trial",
    "Variant",
    "make_precisions",
]
