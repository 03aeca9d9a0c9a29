"""Under which conditions a benchmark was measured: without them, its figures say nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime

import onnx
import onnxruntime
import torch

from export.benchmark.settings import BenchmarkSettings
from zoo.hardware import processor_name
from zoo.model import TrainedModel
from zoo.versions import collect_versions


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """The machine, and how it was used."""

    created: datetime
    device: str
    """`cpu`, `cuda` or `cuda:1`."""
    device_name: str
    """As its maker calls it."""
    cores: int
    """Processors that the operating system knows, hyper-threads included."""
    instructions: str
    """The widest that torch's CPU kernels use: `AVX2`, `AVX512`, …"""
    threads: int
    """CPU threads within an operator, of both runtimes."""
    waiting: str
    """What a thread without work does, in both runtimes: `sleep` or `spin`."""
    load: float | None
    """Processes that wanted to run in the minute before; None where nobody counts them."""
    tf32: bool
    """Whether float32 products were rounded to TF32, in both runtimes."""
    image_size: int
    """Height and width of the images, pixels."""
    rounds: int
    turn_s: float
    warm_up_s: float
    seed: int
    versions: dict[str, str]


def observe(model: TrainedModel, settings: BenchmarkSettings) -> Conditions:
    """Look at the machine before anything is measured."""
    return Conditions(
        created=datetime.now(UTC),
        device=str(model.device),
        device_name=processor_name(model.device),
        cores=os.cpu_count() or 1,
        instructions=torch.backends.cpu.get_cpu_capability(),
        threads=settings.threads or torch.get_num_threads(),
        waiting="spin" if threads_spin() else "sleep",
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        tf32=settings.tf32 and model.device.type == "cuda",
        image_size=model.preprocess.size,
        rounds=settings.rounds,
        turn_s=settings.turn_s,
        warm_up_s=settings.warm_up_s,
        seed=settings.seed,
        versions=collect_versions()
        | {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__},
    )


def threads_spin() -> bool:
    """Tell whether OpenMP's threads, which are torch's, keep their core while they wait.

    OpenMP reads this variable once, when torch is loaded, and tells nobody; ONNX Runtime, which
    has threads of its own, is to wait alike. Nothing is set here: the command line does that.
    """
    return os.environ.get("OMP_WAIT_POLICY", "").upper() != "PASSIVE"
