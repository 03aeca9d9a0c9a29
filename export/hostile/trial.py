"""The child process: `python -m export.hostile.trial FOLDER MEMORY CPU`, the model on stdin.

It tells how far it came as a JSON object a line; the last one is the outcome.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_LOG_FATAL_ONLY = 4
_WORDS = 600
"""Letters of an error message; a model can make them as many as it likes."""
_MEMORY = ("bad_alloc", "allocate", "alloc failed", "out of memory", "bad allocation")
Tell = Callable[..., None]


def main() -> None:
    """Limit this process, then try the model on stdin."""
    folder, memory_bytes, cpu_s = sys.argv[1:]
    _limit(int(memory_bytes), int(cpu_s))
    tell = _own_voice()
    tell(stage="start")
    content = sys.stdin.buffer.read()
    try:
        outcome = _try(content, Path(folder), tell)
    except MemoryError:
        outcome = _too_large(int(memory_bytes))
    tell(stage="done", **outcome)


def _limit(memory_bytes: int, cpu_s: int) -> None:
    """Bound memory and processor time, write no file and leave no core."""
    try:
        import resource
    except ImportError:  # Windows
        return
    wanted = {
        resource.RLIMIT_AS: (memory_bytes, memory_bytes),
        resource.RLIMIT_CPU: (cpu_s, cpu_s + 5),
        resource.RLIMIT_FSIZE: (0, 0),
        resource.RLIMIT_CORE: (0, 0),
    }
    for kind, limit in wanted.items():
        with contextlib.suppress(ValueError, OSError):  # a lower one is set, or macOS has none
            resource.setrlimit(kind, limit)


def _own_voice() -> Tell:
    """Keep stdout for the outcome: whatever a library prints goes nowhere."""
    voice = os.fdopen(os.dup(1), "w", encoding="utf-8")
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)

    def tell(**facts: object) -> None:
        print(json.dumps(facts), file=voice, flush=True)

    return tell


def _try(content: bytes, folder: Path, tell: Tell) -> dict[str, Any]:
    from google.protobuf.message import DecodeError

    from export.hostile.examine import examine, parse, weights_files

    try:
        proto = parse(content)
    except DecodeError as error:
        if _is_memory(error):
            raise MemoryError from error
        return _refusal(error, "damaged")
    if problems := examine(proto, folder):
        return {"verdict": "unsafe", "problem": "; ".join(problems)[:_WORDS]}
    beside = weights_files(proto)
    tell(stage="examined")
    _check(proto)
    del proto
    return _open(content, folder, tell) or {"verdict": "harmless", "beside": beside}


def _check(proto: Any) -> None:
    """Let ONNX's checker crash here if anywhere; what it says is level 0's to report."""
    import onnx

    with contextlib.suppress(Exception):
        onnx.checker.check_model(proto, full_check=True)


def _open(content: bytes, folder: Path, tell: Tell) -> dict[str, Any] | None:
    import onnxruntime

    from export.hostile.beside import WEIGHTS_FOLDER
    from export.hostile.zeros import make_zeros

    options = onnxruntime.SessionOptions()
    options.log_severity_level = _LOG_FATAL_ONLY
    options.intra_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.add_session_config_entry(WEIGHTS_FOLDER, str(folder))
    try:
        session = onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - ONNX Runtime's errors have no common base
        return _refusal(error, "unsafe" if _is_memory(error) else "damaged")
    tell(stage="opened")
    try:
        session.run(None, make_zeros(session.get_inputs()))
    except Exception as error:  # noqa: BLE001 - as above
        # A model that refuses zeros in so many words is for the verification to judge.
        return _refusal(error, "unsafe") if _is_memory(error) else None
    return None


def _is_memory(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(word in text for word in _MEMORY)


def _refusal(error: Exception, verdict: str) -> dict[str, Any]:
    return {"verdict": verdict, "problem": str(error)[:_WORDS] or type(error).__name__}


def _too_large(memory_bytes: int) -> dict[str, Any]:
    size = f"{memory_bytes / (1 << 30):.1f} GiB"
    return {"verdict": "unsafe", "problem": f"it asked for more than {size} of memory"}


if __name__ == "__main__":
    main()
