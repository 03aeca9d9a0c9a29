"""The preprocessing contract in the fields of timm's `pretrained_cfg`."""

from __future__ import annotations

import math
from typing import Any

from zoo.inputs.contract import Preprocess


def timm_preprocess(contract: Preprocess) -> dict[str, Any]:
    """Describe the contract in the fields of timm's `pretrained_cfg`."""
    return {
        "input_size": [3, contract.size, contract.size],
        "interpolation": contract.interpolation,
        "crop_pct": crop_pct(contract),
        "crop_mode": contract.crop_mode,
        "mean": list(contract.mean),
        "std": list(contract.std),
    }


def crop_pct(contract: Preprocess) -> float:
    """Find the proportion from which timm comes to the very size that the contract resizes to.

    timm resizes to `floor(size / crop_pct)`: of 224 and 235 px, their quotient would give 234.
    """
    found = contract.size / contract.resize
    while math.floor(contract.size / found) < contract.resize:
        found = math.nextafter(found, 0.0)
    return found
