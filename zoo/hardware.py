"""Which device computes, and in which precision."""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pyarrow as pa
import torch

from zoo.errors import DeviceError

Precision = Literal["fp32", "bf16"]

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
"""Parameters of mallopt(3)."""
_INT_MAX = 2**31 - 1
_NOT_REPEATABLE = ("does not have a deterministic implementation", "CuBLAS")
"""What torch says where it is to give the same bits again and cannot."""


def resolve_device(wanted: str = "auto") -> torch.device:
    """Turn `auto`, `cpu`, `cuda` or `cuda:1` into a device that exists.

    Raises:
        DeviceError: CUDA is asked for and cannot be used; the message says why.
    """
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError as cause:
        raise DeviceError(f"no device is called {wanted!r}", hint="cpu, cuda or cuda:1") from cause
    if device.type not in ("cpu", "cuda"):
        raise DeviceError(f"zoo computes on cpu or cuda, not on {wanted!r}")
    if device.type == "cuda":
        _require_cuda(device.index or 0)
    return device


def explain_missing_cuda() -> str | None:
    """Say why torch cannot use CUDA here, or nothing if it can."""
    if torch.cuda.is_available():
        return None
    if torch.version.cuda is None:
        return f"torch {torch.__version__} was built without CUDA"
    try:
        torch.cuda.init()
    except (RuntimeError, AssertionError) as cause:
        return str(cause).splitlines()[0]
    return "torch sees no GPU"


def _require_cuda(index: int) -> None:
    if reason := explain_missing_cuda():
        raise DeviceError(
            f"CUDA was asked for and cannot be used: {reason}",
            hint="`zoo doctor` examines the installation; --device cpu works everywhere",
        )
    if index >= torch.cuda.device_count():
        raise DeviceError(f"cuda:{index} was asked for; there are {torch.cuda.device_count()} GPUs")


def resolve_precision(wanted: str, device: torch.device) -> Precision:
    """Turn `auto`, `fp32` or `bf16` into what training computes in.

    `auto` is bfloat16 on a GPU that has it in hardware, float32 elsewhere.

    Raises:
        DeviceError: bfloat16 is asked for on a GPU without it.
    """
    supported = device.type == "cpu" or torch.cuda.is_bf16_supported(including_emulation=False)
    if wanted == "bf16" and not supported:
        raise DeviceError(
            f"{torch.cuda.get_device_name(device)} has no bfloat16", hint="use --precision fp32"
        )
    if wanted == "bf16" or (wanted == "auto" and device.type == "cuda" and supported):
        return "bf16"
    return "fp32"


def resolve_workers(wanted: int | None, device: torch.device, *, neighbours: int = 1) -> int:
    """Turn an optional number of loading processes into one that suits the device.

    On the CPU, processes that decode take their time from the network's own threads:
    loading between the steps is faster than loading beside them.

    Args:
        wanted: What the user asked for.
        device: Where the network computes.
        neighbours: How many processes of a run share this machine.
    """
    if wanted is not None:
        return wanted
    if device.type != "cuda":
        return 0
    return min(8, share_cores(neighbours))


def share_cores(neighbours: int = 1) -> int:
    """Count the cores for each of some processes that share this machine, at least one."""
    return max(1, (os.cpu_count() or 1) // neighbours)


def processor_name(device: torch.device) -> str:
    """Look up what a processor is called; of a CPU, Python itself knows on few systems."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    facts = Path("/proc/cpuinfo")
    if facts.exists():
        for line in facts.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def hand_back_freed_memory() -> None:
    """Give the kernel what Arrow, and glibc where it is, kept of memory that was freed."""
    pa.default_memory_pool().release_unused()
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)


def keep_freed_memory() -> None:
    """Let glibc keep what is freed instead of giving it back to the kernel.

    Every step frees and asks for the same hundreds of megabytes. Given back, each page is
    mapped and zeroed anew, which costs the CPU a third of its time
    (`benchmarks/memory_reuse.py`). Elsewhere than on glibc nothing happens.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, _INT_MAX)


@contextmanager
def exact_float32() -> Iterator[None]:
    """Switch TF32 off for a while, so that CUDA's float32 has all its digits."""
    matmul, convolution = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = matmul
        torch.backends.cudnn.allow_tf32 = convolution


@contextmanager
def repeatable(*, strict: bool) -> Iterator[None]:
    """Let torch use only algorithms that give the same bits again.

    Args:
        strict: Refuse every operator that has none; otherwise only convolutions are chosen so.

    Raises:
        DeviceError: An operator was refused.
    """
    if strict:  # what torch demands of whoever multiplies matrices on a GPU repeatably
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.backends.cudnn.deterministic, torch.are_deterministic_algorithms_enabled()
    torch.backends.cudnn.deterministic = True
    torch.use_deterministic_algorithms(strict or before[1])
    try:
        yield
    except RuntimeError as cause:
        if not any(sign in str(cause) for sign in _NOT_REPEATABLE):
            raise
        problem = str(cause).partition(", but")[0]
        raise DeviceError(problem, hint="leave --deterministic out") from cause
    finally:
        torch.backends.cudnn.deterministic = before[0]
        torch.use_deterministic_algorithms(before[1])
