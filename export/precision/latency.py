"""How long a file in fewer bits takes beside float32: a benchmark of the two alone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median

import torch
from torch import Tensor

from export.benchmark.bench import Bench
from export.benchmark.clock import clock_for
from export.benchmark.conditions import threads_spin
from export.benchmark.contenders import list_files
from export.benchmark.entrant import Entrant
from export.benchmark.programs import open_program
from export.benchmark.rounds import take_turns
from export.benchmark.settings import BenchmarkSettings
from export.benchmark.terms import equal_terms
from export.precision.report import Latency, Precision
from zoo.model import TrainedModel
from zoo.progress import Silence

_SETTINGS = BenchmarkSettings(batch_sizes=(1, 8), rounds=15)
_LEAST = 3
"""Rounds that a slow network has at least."""
_LONGEST_S = 8.0
"""How long the rounds of one batch size may take; a slow network has fewer."""


def compare_latency(
    model: TrainedModel, float32: bytes, variant: bytes, precision: Precision, images: Tensor
) -> tuple[Latency, ...]:
    """Time both in interleaved rounds, so that what else the machine does falls on both alike.

    Args:
        model: The trained network, on the device to measure on.
        float32: The file to compare with.
        variant: The file in fewer bits.
        precision: What bits.
        images: float32 [N, 3, H, W], at least one; they are repeated where they are too few.

    Returns:
        By batch size; nothing of one that either does not run with.
    """
    device, threads = model.device, torch.get_num_threads()
    found: list[Latency] = []
    with equal_terms(device, threads=threads, tf32=False) as stream:
        for size in _SETTINGS.batch_sizes:
            bench = Bench(
                model=model,
                folder=Path(),
                graphs={"fp32": float32, precision: variant},
                images=images[torch.arange(size) % len(images)].to(device),
                threads=threads,
                spin=threads_spin(),
                tf32=False,
                stream=stream,
            )
            found += _compare(bench)
    return tuple(found)


def _compare(bench: Bench) -> list[Latency]:
    """Time both on one batch, each on the device's own provider."""
    clock, size = clock_for(bench.device), len(bench.images)
    entrants = [
        Entrant(contender=contender, clock=clock)
        for contender in list_files(bench.device.type, tuple(bench.graphs))
        if contender.provider != "TensorrtExecutionProvider"
    ]
    for entrant in entrants:
        entrant.prepare(partial(open_program, entrant.contender, bench), _SETTINGS)
    _take_turns(entrants, size)
    if any(entrant.problem for entrant in entrants):
        return []
    ours, theirs = (entrant.seconds for entrant in entrants)
    return [
        Latency(
            batch_size=size,
            threads=bench.threads,
            float32_ms=round(median(ours) * 1e3, 3),
            variant_ms=round(median(theirs) * 1e3, 3),
            ratio=round(median(b / a for a, b in zip(ours, theirs, strict=True)), 3),
        )
    ]


def _take_turns(entrants: Sequence[Entrant], batch_size: int) -> None:
    """Hold a few rounds and, as far as time allows, the others."""
    began = time.perf_counter()
    take_turns(entrants, batch_size, _LEAST, 0, Silence())
    each = (time.perf_counter() - began) / _LEAST
    more = min(_SETTINGS.rounds, int(_LONGEST_S / each)) - _LEAST
    if more > 0:
        take_turns(entrants, batch_size, more, 1, Silence())
