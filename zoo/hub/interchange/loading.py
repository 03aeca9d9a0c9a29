"""Which libraries load a model folder, and why others do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Library = Literal["timm", "transformers", "transformers.js"]
"""Whose layout zoo writes; plain ONNX Runtime needs none."""


@dataclass(frozen=True, slots=True)
class Unloadable:
    """A library that has no counterpart of a model."""

    library: Library
    reason: str
    """What it has none of, as the end of a sentence that begins with the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interchange:
    """What other libraries need of a model folder beside its weights."""

    files: Mapping[str, bytes]
    """Contents by name; none where no library loads the model."""
    loads: tuple[Library, ...]
    """Libraries that give the model's own answers."""
    unloadable: tuple[Unloadable, ...]
    """The others."""
    dtypes: tuple[str, ...] = ()
    """What transformers.js calls the precisions that there are graphs of, the fullest first."""
