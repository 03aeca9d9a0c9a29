"""Images decoded once, kept as pixels, and read from there ever after.

Listing and deleting what is kept needs no torch, which takes seconds to import: each name is
loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoo.data.pixels.keep import (
        CacheSettings,
        StoreFacts,
        default_folder,
        list_stores,
        remove_stores,
    )
    from zoo.data.pixels.live import Found, LivePixels, PixelSource
    from zoo.data.pixels.open import open_pixels, open_prepared
    from zoo.data.pixels.prepared import LivePrepared, LiveTwice
    from zoo.data.pixels.reduce import decode_reduced
    from zoo.data.pixels.source import StoredPixels

__all__ = [
    "CacheSettings",
    "Found",
    "LivePixels",
    "LivePrepared",
    "LiveTwice",
    "PixelSource",
    "StoreFacts",
    "StoredPixels",
    "decode_reduced",
    "default_folder",
    "list_stores",
    "open_pixels",
    "open_prepared",
    "remove_stores",
]

_HOMES = {
    "CacheSettings": "keep",
    "Found": "live",
    "LivePixels": "live",
    "LivePrepared": "prepared",
    "LiveTwice": "prepared",
    "PixelSource": "live",
    "StoreFacts": "keep",
    "StoredPixels": "source",
    "decode_reduced": "reduce",
    "default_folder": "keep",
    "list_stores": "keep",
    "open_pixels": "open",
    "open_prepared": "open",
    "remove_stores": "keep",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
