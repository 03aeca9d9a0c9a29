"""Memory that ends with an error, where the operating system would end the process instead."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CONTAINER = Path("/sys/fs/cgroup")


@contextmanager
def bounded_memory() -> Iterator[None]:
    """Let an allocation fail that is larger than what is free, for a while.

    Linux promises more memory than there is, and kills whoever takes it. A limit on the
    process's data (setrlimit(2)) makes the allocator fail instead, which both runtimes report.
    Elsewhere nothing happens.
    """
    if platform.system() != "Linux":
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_DATA)
    soft = _own_bytes() + _free_bytes()
    known = [limit for limit in (soft, *before) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min(known), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def _own_bytes() -> int:
    """What this process has of what the limit counts."""
    return _read_kibibytes("/proc/self/status", "VmData")


def _free_bytes() -> int:
    """What is free on the machine and, in a container, of its share."""
    free = _read_kibibytes("/proc/meminfo", "MemAvailable")
    share, taken = (_CONTAINER / name for name in ("memory.max", "memory.current"))
    if not share.exists() or not taken.exists() or (limit := share.read_text().strip()) == "max":
        return free
    return min(free, max(int(limit) - int(taken.read_text()), 0))


def _read_kibibytes(path: str, name: str) -> int:
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    (found,) = (line for line in lines if line.startswith(f"{name}:"))
    return int(found.split()[1]) * 1024
