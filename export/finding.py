"""What was found of a file, one property at a time. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One property of a file."""

    name: str
    passed: bool
    detail: str
    """What was found."""
