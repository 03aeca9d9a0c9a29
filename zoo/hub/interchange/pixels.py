"""The preprocessing contract, as transformers and transformers.js write it."""

from __future__ import annotations

from typing import Any

from zoo.inputs.contract import Preprocess

_PILLOW = {"bilinear": 2, "bicubic": 3}
"""Pillow's numbers of its filters, which transformers writes."""


def processor_config(contract: Preprocess) -> dict[str, Any]:
    """Describe the contract in the fields of `preprocessor_config.json`."""
    squashed = {"height": contract.resize, "width": contract.resize}
    keeps_shape = contract.crop_mode == "center"
    return {
        # transformers.js knows no wrapper of timm. This one does all that is asked for below, and
        # no more, in both languages.
        "image_processor_type": "CLIPImageProcessor",
        "do_resize": True,
        "size": {"shortest_edge": contract.resize} if keeps_shape else squashed,
        "resample": _PILLOW[contract.interpolation],
        "do_center_crop": keeps_shape or contract.resize > contract.size,
        "crop_size": {"height": contract.size, "width": contract.size},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(contract.mean),
        "image_std": list(contract.std),
    }
