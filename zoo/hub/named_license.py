"""The licence that a repository's card names."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from huggingface_hub import ModelCard
from yaml import YAMLError  # type: ignore[import-untyped]


def named_license(card: Path) -> str | None:
    """Read it off a `README.md`; None if that is missing, cannot be read or names none."""
    with suppress(ValueError, OSError, YAMLError):
        named = ModelCard.load(card).data.get("license")
        return named if isinstance(named, str) else None
    return None
