"""Who takes part: which program, in which precision, by whom."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from export.benchmark.settings import BenchmarkSettings
from export.files import ONNX_FILE, PRECISION_FILES

Layout = Literal["contiguous", "channels_last"]
NumberFormat = Literal["fp32", "fp16", "int8"]
"""What most of a program computes in."""
Provider = Literal["CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchContender:
    """The trained network, run by PyTorch."""

    runtime: Literal["torch"] = "torch"
    name: str
    precision: NumberFormat = "fp32"
    layout: Layout
    """Of images and weights in memory: one colour's plane after another (NCHW), or a pixel's
    channels beside each other."""
    compiled: bool = False
    """Whether it went through `torch.compile`, as one program for each batch size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxContender:
    """An exported file, run by ONNX Runtime."""

    runtime: Literal["onnx"] = "onnx"
    name: str
    precision: NumberFormat
    provider: Provider
    """The execution provider that is preferred."""
    file: str
    """Its place in the model folder."""


Contender = TorchContender | OnnxContender

EAGER = TorchContender(name="torch eager", layout="contiguous")
"""What all others are compared with."""
_CHANNELS_LAST = TorchContender(name="torch channels_last", layout="channels_last")
_COMPILED = TorchContender(name="torch compile", layout="channels_last", compiled=True)
_HALF = TorchContender(name="torch fp16", precision="fp16", layout="channels_last")

FILES: dict[NumberFormat, Path] = {
    "fp32": ONNX_FILE,
    "fp16": PRECISION_FILES["fp16"],
    "int8": PRECISION_FILES["int8"],
}
"""Where a model folder has the graph of each precision."""
_PROVIDERS: dict[str, dict[str, Provider]] = {
    "cpu": {"cpu": "CPUExecutionProvider"},
    "cuda": {"cuda": "CUDAExecutionProvider", "tensorrt": "TensorrtExecutionProvider"},
}
"""What may run a graph on each kind of device, by the name that a contender gets."""


def list_contenders(
    device: str, settings: BenchmarkSettings, exported: Collection[NumberFormat]
) -> tuple[Contender, ...]:
    """List who takes part, eager PyTorch first.

    Args:
        device: `cpu` or `cuda`.
        settings: What is to be measured.
        exported: Precisions of which the model folder has a file.
    """
    found: list[Contender] = [EAGER]
    if "torch" in settings.runtimes:
        found += _list_torch(device, settings, exported)
    if "onnx" in settings.runtimes:
        found += list_files(device, exported)
    return tuple(found)


def _list_torch(
    device: str, settings: BenchmarkSettings, exported: Collection[NumberFormat]
) -> Iterator[Contender]:
    yield _CHANNELS_LAST
    if settings.compile:
        yield _COMPILED
    # A CPU's half precision is emulated and says nothing of the file's.
    if device == "cuda" and "fp16" in exported:
        yield _HALF


def list_files(device: str, exported: Collection[NumberFormat]) -> Iterator[OnnxContender]:
    """List the files that take part, each on every provider of the device, `cpu` or `cuda`."""
    for short, provider in _PROVIDERS[device].items():
        for precision in exported:
            name = f"onnx {short} {precision}"
            file = FILES[precision].as_posix()
            yield OnnxContender(name=name, precision=precision, provider=provider, file=file)
