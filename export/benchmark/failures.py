"""Why a contender is not measured, in a line."""

from __future__ import annotations

from accelerate.utils.memory import should_reduce_batch_size

from export.providers import RUNTIME_ERRORS
from zoo.errors import ZooError

NO_ROOM = "does not fit into memory"
EXPECTED: tuple[type[Exception], ...] = (
    *(RuntimeError, MemoryError, OSError, ZooError),
    *RUNTIME_ERRORS,
)
"""What a program may raise that cannot run here: torch's compiler has RuntimeErrors of its own."""

_OUT_OF_MEMORY = (
    "out of memory",
    "failed to allocate memory",
    "can't allocate memory",
    "bad_alloc",
    "bad allocation",
    "alloc_failed",
)
"""What CUDA, cuDNN, torch, ONNX Runtime and C++ say where memory ends, in small letters."""
_LONGEST = 240
"""Characters of a reason, at most."""


def say_why(error: Exception) -> str:
    """Say in a line why a program did not run."""
    if isinstance(error, MemoryError) or should_reduce_batch_size(error):
        return NO_ROOM
    text = error.problem if isinstance(error, ZooError) else str(error)
    if any(sign in text.lower() for sign in _OUT_OF_MEMORY):
        return NO_ROOM
    line = next(filter(None, map(str.strip, text.splitlines())), type(error).__name__)
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
