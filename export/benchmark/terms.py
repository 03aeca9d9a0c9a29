"""The same terms for all contenders: threads, exactness, the stream of a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

from export.benchmark.memory import bounded_memory
from export.tf32 import rounded_float32
from zoo.hardware import exact_float32, keep_freed_memory


@contextmanager
def equal_terms(device: torch.device, *, threads: int, tf32: bool) -> Iterator[int | None]:
    """Set what both runtimes are to have alike, for a while.

    Returns:
        The handle of the CUDA stream that is current; none on the CPU.
    """
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode())
        stack.enter_context(rounded_float32() if tf32 else exact_float32())
        stack.enter_context(_threads(threads))
        if device.type == "cuda":
            yield stack.enter_context(_stream(device))
        else:
            # ONNX Runtime keeps its memory from call to call; PyTorch on glibc gives it back.
            keep_freed_memory()
            stack.enter_context(bounded_memory())
            yield None


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _stream(device: torch.device) -> Iterator[int]:
    """Put all work on one stream, which ONNX Runtime is given too; its own default has no handle.

    PyTorch's convolutions are searched for the fastest algorithm meanwhile, as ONNX Runtime's.
    """
    before = torch.backends.cudnn.benchmark
    torch.cuda.synchronize(device)
    stream = torch.cuda.Stream(device)
    torch.backends.cudnn.benchmark = True
    try:
        with torch.cuda.device(device), torch.cuda.stream(stream):
            yield stream.cuda_stream
    finally:
        torch.backends.cudnn.benchmark = before
