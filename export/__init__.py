"""From a trained network to an ONNX file that is proved to be that network."""

from export.classifier import open_classifier
from export.convert import Evidence, export_model, gather_evidence, verify_model
from export.verification import Verification

__all__ = [
    "Evidence",
    "Verification",
    "export_model",
    "gather_evidence",
    "open_classifier",
    "verify_model",
]
