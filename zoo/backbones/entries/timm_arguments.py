"""What a network of timm's was built with, beyond what its name says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch


def unusual_arguments(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out of `model_args` what says no more than the architecture and the configuration do.

    timm's `save_for_hf` writes all of a network's arguments (from 1.0.31 on at the latest), usual
    or not. An input size needs none: zoo rebuilds networks for `input_size` by itself.

    Args:
        facts: Fields of timm's `config.json`.
    """
    _, *size = facts.get("input_size") or (3, 0, 0)
    usual = {
        "num_classes": (facts.get("num_classes"),),
        "in_chans": (3,),
        "img_size": (size, tuple(size), size[0] if len(set(size)) == 1 else None),
    }
    arguments = {
        name: value
        for name, value in (facts.get("model_args") or {}).items()
        if name not in usual or value not in usual[name]
    }
    pool = arguments.get("global_pool")
    if isinstance(pool, str) and _pools_so(str(facts.get("architecture")), pool):
        del arguments["global_pool"]
    return arguments


def _pools_so(architecture: str, pool: str) -> bool:
    """Tell whether a network pools in a way as it is."""
    import timm

    if not timm.is_model(architecture):
        return False
    try:
        with torch.device("meta"):
            plain = timm.create_model(architecture)
            asked = timm.create_model(architecture, global_pool=pool)
    except (AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError):
        # Each network refuses in its own way what it has no rule for.
        return False
    same_way = getattr(plain, "global_pool", None), getattr(asked, "global_pool", None)
    return repr(plain) == repr(asked) and repr(same_way[0]) == repr(same_way[1])
