"""What an export is called in its model folder. Needs no torch."""

from __future__ import annotations

from pathlib import Path

ONNX_FILE = Path("onnx", "model.onnx")
"""What passed verification, or was never verified."""
FAILED_FILE = Path("onnx", "model.failed.onnx")
"""What did not pass."""
RAW_FILE = Path("onnx", "model_raw.onnx")
"""The same network with preprocessing inside."""
PRECISION_FILES = {
    "fp16": Path("onnx", "model_fp16.onnx"),
    "int8": Path("onnx", "model_int8.onnx"),
}
"""The network in fewer bits, by what of."""
REPORT_FILE = Path("onnx", "verification.json")
"""What was found of `ONNX_FILE` and whatever belongs to it."""
FAILED_REPORT_FILE = Path("onnx", "verification.failed.json")
"""What was found of `FAILED_FILE`; an earlier file that passed keeps its own report."""
