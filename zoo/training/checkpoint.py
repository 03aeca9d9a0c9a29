"""Checkpoints: all that a killed run needs to continue bit for bit.

A checkpoint is two files. `step-PHASE-STEP-….pt` holds tensors, under a name that was never
used before; `last.json` names it with its sha256 and is replaced only when the new file is
whole, so that a kill at any moment leaves either the old or the new checkpoint. No random
state is kept: every random number is a function of the seed and the place it is used at.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import torch

from zoo.errors import DamagedFileError
from zoo.storage import read_json, sha256_of, write_bytes, write_json
from zoo.torch_files import read_torch_file

_POINTER = "last.json"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checkpoint:
    """A place in a run and the state of everything there."""

    phase: int
    """Index of the phase that is under way."""
    step: int
    """Steps of that phase already taken."""
    network: dict[str, Any]
    phase_state: dict[str, Any] | None
    """What the phase under way needs besides: its optimiser, average and best weights; None at
    the start of a phase."""
    epoch_loss: float
    """Sum of the losses of the steps taken in the epoch under way."""
    images: int
    """Training images that went through the network so far."""
    seconds: dict[str, float]
    """Time spent so far, by phase."""


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, then forget the one before it."""
    place = f"{checkpoint.phase}-{checkpoint.step:07d}"
    path = folder / f"step-{place}-{uuid4().hex[:8]}.pt"
    content = {name: getattr(checkpoint, name) for name in checkpoint.__slots__}
    # In memory first: a full disk is then an ordinary OSError, not torch's internal one.
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_bytes(path, buffer.getbuffer())
    write_json(folder / _POINTER, {"format": 1, "file": path.name, "sha256": sha256_of(path)})
    for older in folder.glob("step-*.pt"):
        if older != path:
            older.unlink()


def has_checkpoint(folder: Path) -> bool:
    """Tell whether a checkpoint was ever finished here."""
    return (folder / _POINTER).exists()


def load_checkpoint(folder: Path) -> Checkpoint | None:
    """Read the last checkpoint, or nothing where none was written yet.

    Raises:
        DamagedFileError: It is not what was written.
    """
    pointer = folder / _POINTER
    if not has_checkpoint(folder):
        return None
    hint = "start again without --resume, into another --output"
    content = read_json(pointer)
    try:
        path, digest = folder / content["file"], content["sha256"]
    except (KeyError, TypeError) as cause:
        raise DamagedFileError(pointer, f"unexpected or missing {cause}", hint=hint) from cause
    if path.parent != folder or path.name in ("", ".."):
        raise DamagedFileError(pointer, f"it names {content['file']!r}", hint=hint)
    if not path.exists():
        raise DamagedFileError(path, "missing", hint=hint)
    if sha256_of(path) != digest:
        raise DamagedFileError(path, "its content is not what was written", hint=hint)
    try:
        return Checkpoint(**cast("dict[str, Any]", read_torch_file(path)))
    except (ValueError, TypeError) as cause:
        raise DamagedFileError(path, str(cause), hint=hint) from cause
