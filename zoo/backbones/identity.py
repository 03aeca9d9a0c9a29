"""What is known of a weights file, and whether a file is that one."""

from __future__ import annotations

from pathlib import Path

from zoo.errors import WeightsError
from zoo.registry.entries import Weights

STRANGER = (
    "delete it so that it is fetched again; if it comes back the same, its source has changed: "
    "do not trust it"
)
CHANGED = "try once more; if the same comes again, its source has changed: do not trust it"


def check_identity(
    origin: Path | str, weights: Weights, *, size: int, digest: str, hint: str = STRANGER
) -> None:
    """Compare a file with what is known of it.

    Args:
        origin: Where it lies, or came from.
        weights: What is known of it.
        size: Its size, bytes.
        digest: Its sha256, 64 hex digits.
        hint: What to do if it is another one.

    Raises:
        WeightsError: It is another one.
    """
    problems = []
    if weights.bytes is not None and size != weights.bytes:
        problems.append(f"{size:,} bytes instead of {weights.bytes:,}")
    if weights.sha256 is not None and not digest.startswith(weights.sha256):
        problems.append(f"sha256 {digest[:16]}… instead of {weights.sha256[:16]}…")
    if problems:
        raise WeightsError(
            f"{origin} is not the file that the registry or the lock file names: "
            + ", ".join(problems),
            hint=hint,
        )


def lock_key(weights: Weights) -> str:
    """Name a file in the lock."""
    revision = f"@{weights.revision}" if weights.revision else ""
    return f"{weights.source}:{weights.location}{revision}/{weights.file}"
