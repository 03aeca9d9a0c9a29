"""A strange model in a child process that may not take much time or memory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import export

_MEBIBYTE = 1 << 20
_ROOT = Path(export.__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a trial may take."""

    memory_bytes: int
    """Address space; held by Linux, not by Windows and macOS."""
    cpu_s: int
    """Processor time, seconds; not held by Windows."""
    wall_s: float
    """Time by the clock, seconds; held everywhere."""


def limits_for(size_bytes: int) -> Limits:
    """Allow many times what a real model of this size needs for one image."""
    cpu_s = 30 + size_bytes // (5 * _MEBIBYTE)
    return Limits(memory_bytes=(4 << 30) + 8 * size_bytes, cpu_s=cpu_s, wall_s=4.0 * cpu_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """How a model fared in a child process."""

    verdict: Literal["harmless", "damaged", "unsafe"]
    problem: str = ""
    """What was wrong; empty where nothing was."""
    beside: tuple[str, ...] = ()
    """Names of the files in its folder that hold its weights."""


def try_in_child(content: bytes, folder: Path, limits: Limits) -> Trial:
    """Examine, open and run a model once, on zeros, where it can do no harm.

    A crash, a hang and a memory bomb end the child and nothing else. It is no sandbox: a model
    that took the child over by a hole in ONNX Runtime would have the user's rights.

    Args:
        content: The model.
        folder: Where the files lie that it may refer to.
        limits: What it may take.
    """
    process = subprocess.Popen(  # noqa: S603 - our own module, by our own interpreter
        _command(folder, limits),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_environment(),
    )
    try:
        told, _ = process.communicate(content, timeout=limits.wall_s)
    except subprocess.TimeoutExpired:
        process.kill()
        told, _ = process.communicate()
        return _unsafe(told, f"it was not done after {limits.wall_s:.0f} seconds")
    except BaseException:
        process.kill()
        process.wait()
        raise
    if process.returncode:
        return _unsafe(told, _explain(process.returncode, limits))
    return _read(told)


def _command(folder: Path, limits: Limits) -> list[str]:
    # -P: the folder that one stands in may be the model's, and no module is taken from there.
    module = [sys.executable, "-P", "-m", "export.hostile.trial"]
    return [*module, str(folder), str(limits.memory_bytes), str(limits.cpu_s)]


def _environment() -> dict[str, str]:
    """Let the child find this very package, wherever it was imported from."""
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def _explain(code: int, limits: Limits) -> str:
    if os.name == "posix" and code == -signal.SIGXCPU:
        return f"it was not done after {limits.cpu_s} seconds of processor time"
    if code < 0:
        name = signal.strsignal(-code) or f"signal {-code}"
        return f"the process that tried it was ended: {name.lower()}"
    return f"the process that tried it ended with exit code {code}"


def _unsafe(told: bytes, problem: str) -> Trial:
    stage = _last_line(told).get("stage", "")
    return Trial(verdict="unsafe", problem=f"{problem}, {_STAGES.get(stage, 'at once')}")


_STAGES = {
    "start": "while it was examined",
    "examined": "while it was opened",
    "opened": "while it was run on zeros",
}


def _read(told: bytes) -> Trial:
    found = _last_line(told)
    if found.get("stage") != "done":
        return _unsafe(told, "the process that tried it ended without a word")
    known = {field.name for field in fields(Trial)}
    facts = {name: value for name, value in found.items() if name in known}
    return Trial(**{**facts, "beside": tuple(found.get("beside", ()))})


def _last_line(told: bytes) -> dict[str, Any]:
    lines = told.splitlines()
    found: dict[str, Any] = json.loads(lines[-1]) if lines else {}
    return found
