"""From a trained network to an ONNX file that is proved to be that network."""

from export.convert import Evidence, export_model, gather_evidence, verify_model
from export.open import open_predictor
from export.verification import Verification

__all__ = [
    "Evidence",
    "Verification",
    "export_model",
    "gather_evidence",
    "open_predictor",
    "verify_model",
]
