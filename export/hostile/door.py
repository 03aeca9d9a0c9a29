"""The door: the bytes of a model file that may be opened here, or an error."""

from __future__ import annotations

import stat
from pathlib import Path

from export.hostile.child import limits_for, try_in_child
from export.hostile.known import is_known, record_trial
from zoo.errors import DamagedFileError, UnsafeFileError

MAX_BYTES = 2**31 - 1
"""Of one protobuf message; larger models have their weights beside them."""


def admit(path: Path) -> bytes:
    """Read a model file that was made here, or that harmed nothing when it was tried.

    A strange file costs a child process once: about a second, and three more for each hundred
    megabytes. Open what is returned, not the path: these are the bytes that were tried.

    Raises:
        DamagedFileError: It is no ONNX model, or cut short.
        UnsafeFileError: It holds what no model needs, or it crashed, hung or took too much
            memory when it was tried.
    """
    content = _read(path)
    if is_known(content, path.parent):
        return content
    trial = try_in_child(content, path.parent, limits_for(len(content)))
    if trial.verdict == "damaged":
        raise DamagedFileError(path, trial.problem, hint="export it again")
    if trial.verdict == "unsafe":
        raise UnsafeFileError(path, trial.problem)
    record_trial(content, path.parent, trial.beside)
    return content


def _read(path: Path) -> bytes:
    """Read a plain file of a size that a model can have; a pipe or a device is never opened."""
    try:
        found = path.stat()
    except OSError as cause:
        raise DamagedFileError(path, "missing") from cause
    if not stat.S_ISREG(found.st_mode):
        raise UnsafeFileError(path, "it is no plain file")
    if found.st_size > MAX_BYTES:
        raise UnsafeFileError(path, f"{found.st_size:,} bytes; a model has {MAX_BYTES:,} at most")
    return path.read_bytes()
