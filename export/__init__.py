"""From a trained network to an ONNX file that is proved to be that network.

Importing this package imports no torch: each name is loaded when it is first used. ONNX Runtime
reports to its maker from the moment that it is imported, so that this is switched off here, before
any module of the package imports it; who has set the variable himself is left alone.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from export.convert import export_model
    from export.evidence import Evidence, gather_evidence
    from export.golden import write_golden
    from export.open import open_predictor
    from export.proof import verify_model
    from export.replay import replay_model
    from export.replayed import Replay
    from export.settings import ExportSettings
    from export.verification import Verification

__all__ = [
    "Evidence",
    "ExportSettings",
    "Replay",
    "Verification",
    "export_model",
    "gather_evidence",
    "open_predictor",
    "replay_model",
    "verify_model",
    "write_golden",
]

_HOMES = {
    "Evidence": "export.evidence",
    "ExportSettings": "export.settings",
    "Replay": "export.replayed",
    "Verification": "export.verification",
    "export_model": "export.convert",
    "gather_evidence": "export.evidence",
    "open_predictor": "export.open",
    "replay_model": "export.replay",
    "verify_model": "export.proof",
    "write_golden": "export.golden",
}

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
