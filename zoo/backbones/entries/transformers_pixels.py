"""The preprocessing contract, from transformers' `preprocessor_config.json`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoo.backbones.entries.timm_config import LARGEST, LEAST_KEPT, read_content
from zoo.errors import RegistryError
from zoo.inputs.contract import CropMode, Interpolation, Preprocess

_FILTERS: Mapping[object, Interpolation] = {2: "bilinear", 3: "bicubic"}
"""By Pillow's numbers."""
_SQUASHED_FROM = 384
"""ConvNeXt's processor crops nothing of images from this size on."""


def read_processor(path: Path, origin: str) -> tuple[Preprocess, tuple[str, ...]]:
    """Read what a classifier of transformers does to images.

    Args:
        path: Its `preprocessor_config.json`.
        origin: What to call it in errors.

    Returns:
        The contract, and what had to be assumed.

    Raises:
        RegistryError: It says nothing of it, or does what no contract of zoo's says.
    """
    if not path.exists():
        raise RegistryError(
            f"{origin} has no preprocessor_config.json: what it sees is unknown",
            hint="ask its owner for the file that transformers' image processor saves",
        )
    content = read_content(path, origin)
    try:
        return _as_contract(content)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as cause:
        reason = f"it has no {cause}" if isinstance(cause, KeyError) else cause
        raise RegistryError(
            f"the preprocessor_config.json of {origin} does what zoo cannot repeat: {reason}",
            hint="choose a repository whose images become square, in sizes and colours that the "
            "file states",
        ) from cause


def _as_contract(content: Mapping[str, Any]) -> tuple[Preprocess, tuple[str, ...]]:
    if not content.get("do_resize", True) or not content.get("do_rescale", True):
        raise ValueError("it does not resize, or not scale to [0, 1]")
    if not math.isclose(content.get("rescale_factor", 1 / 255), 1 / 255, rel_tol=1e-6):
        raise ValueError(f"its rescale_factor is {content['rescale_factor']}")
    size, resize, mode = _read_sizes(content)
    kind = content.get("resample", 2)
    said = () if kind in _FILTERS else (f"bicubic interpolation, where it names Pillow's {kind}",)
    normalizes = content.get("do_normalize", True)
    contract = Preprocess(
        size=size,
        resize=resize,
        crop_mode=mode,
        interpolation=_FILTERS.get(kind, "bicubic"),
        mean=_three(content["image_mean"] if normalizes else 0.0),
        std=_three(content["image_std"] if normalizes else 1.0),
    )
    return contract, said


def _read_sizes(content: Mapping[str, Any]) -> tuple[int, int, CropMode]:
    """Read (size, resize, crop mode) in all the forms that processors have had."""
    size = content["size"]
    cropped = _side(content.get("crop_size")) if content.get("do_center_crop") else None
    edge = size.get("shortest_edge") if isinstance(size, dict) else None
    if "crop_pct" in content:
        edge = _side(size if edge is None else edge)
        if not LEAST_KEPT <= content["crop_pct"] <= 1:
            raise ValueError(f"its crop_pct is {content['crop_pct']}")
        if edge >= _SQUASHED_FROM:
            return edge, edge, "squash"
        return edge, int(edge / content["crop_pct"]), "center"
    if edge is not None:
        if cropped is None:
            raise ValueError("images keep their shape, and are not cropped to a square")
        return cropped, _side(edge), "center"
    side = _side(size)
    return cropped or side, side, "squash"


def _side(size: object) -> int:
    """Read the side of a square."""
    if isinstance(size, dict):
        if size["height"] != size["width"]:
            raise ValueError(f"images of {size['height']} x {size['width']} px are not square")
        size = size["height"]
    if not isinstance(size, int) or not 0 < size <= LARGEST:
        raise ValueError(f"{str(size)[:80]!r} is no size of 1 to {LARGEST} px")
    return size


def _three(value: Any) -> tuple[float, float, float]:
    red, green, blue = value if isinstance(value, (list, tuple)) else (value,) * 3
    return float(red), float(green), float(blue)
