"""Variants in fewer bits of a proved float32 graph, each within its budget or refused."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from export.hostile.child import limits_for, try_in_child
from export.precision.bench import Bench, rank_of
from export.precision.blame import Sensitive
from export.precision.calibration import METHODS, largest_numbers
from export.precision.emulate import is_emulated
from export.precision.half import Half
from export.precision.images import gather_images
from export.precision.latency import compare_latency
from export.precision.lowering import Lowering
from export.precision.quantize import DynamicInt8, StaticInt8, is_transformer
from export.precision.report import NodeNoise, Precision, PrecisionReport, Trial
from export.precision.search import Settled, settle
from export.precision.source import Source, read_source
from zoo.data.dataset import Samples
from zoo.errors import ExportError
from zoo.model import TrainedModel
from zoo.progress import Progress, Silence
from zoo.storage import sha256_of_bytes

MAX_DROP = 0.5
"""Points that each target may lose unless told otherwise."""
CALIBRATION_IMAGES = 256
"""Training images that ranges are taken from unless told otherwise."""

_MOST_BLAMED = 10
"""Nodes and groups that a report names."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Variant:
    """A file in fewer bits, or why there is none."""

    content: bytes | None
    """None where it is refused."""
    report: PrecisionReport


def make_precisions(
    model: TrainedModel,
    content: bytes,
    training: Samples,
    validation: Samples,
    precisions: Sequence[Precision],
    *,
    max_drop: float = MAX_DROP,
    calibration_images: int = CALIBRATION_IMAGES,
    workers: int = 0,
    progress: Progress | None = None,
) -> tuple[Variant, ...]:
    """Write a float32 graph in fewer bits, as often as asked, and measure what that costs.

    Args:
        model: The trained network, on the device to measure on.
        content: Its verified float32 file.
        training: Images to calibrate on.
        validation: Images to judge by.
        precisions: What to make, in this order.
        max_drop: Points of its own metric that each target may lose.
        calibration_images: Training images to take ranges from, at most.
        workers: Processes that decode images.
        progress: Hears what happens.

    Raises:
        DataError: There are too few images.
        ExportError: The file is not self-contained, or a converter makes no valid graph of it.
    """
    listener = progress or Silence()
    source = read_source(content)
    images = gather_images(
        training,
        validation,
        model.preprocess,
        calibration_images=calibration_images,
        workers=workers,
        progress=listener,
    )
    bench = Bench(source, images, model, max_drop)
    return tuple(_make(bench, precision, listener) for precision in precisions)


def _make(bench: Bench, precision: Precision, progress: Progress) -> Variant:
    began = time.perf_counter()
    trials, ways = _try_all(bench, precision, progress)

    def blame(lowering: Lowering) -> list[Sensitive]:
        progress.note(f"{precision}: outside the budget; looking for the nodes to blame")
        return bench.blame(lowering)

    settled = settle(partial(bench.choose, ways), bench.judge, blame)
    return _report(bench, precision, trials, settled, began)


def _report(
    bench: Bench,
    precision: Precision,
    trials: tuple[Trial, ...],
    settled: Settled,
    began: float,
) -> Variant:
    """Open the file at last, time it, and put all figures together."""
    trouble = _try_first(settled.content)
    passed = settled.judgement.passed and trouble is None
    source, images, lowering = bench.source, bench.images, settled.lowering
    latency = (
        compare_latency(
            bench.model, source.content, settled.content, precision, images.validation.photos
        )
        if trouble is None
        else ()
    )
    report = PrecisionReport(
        precision=precision,
        verdict="kept" if passed else "refused",
        max_drop=bench.max_drop,
        sha256=sha256_of_bytes(settled.content),
        size_bytes=len(settled.content),
        size_float32_bytes=len(source.content),
        targets=settled.judgement.targets,
        finite=settled.judgement.finite,
        trouble=trouble,
        method=lowering.method,
        trials=trials,
        concessions=settled.concessions,
        nodes_lowered=len(set(lowering.nodes) - set(settled.kept)),
        nodes_in_float=source.show(lowering.spared | {*settled.kept}),
        blame=_name_blamed(source, settled),
        calibration_images=len(images.calibration),
        trial_images=len(images.trial),
        device=bench.device.type,
        emulated=is_emulated(precision, bench.device),
        latency=latency,
        seconds=round(time.perf_counter() - began, 3),
    )
    return Variant(content=settled.content if passed else None, report=report)


def _try_first(content: bytes) -> str | None:
    """Open a file on the CPU in a child process, and tell what went wrong.

    A converter's file may be valid and yet be the end of the process that opens it.
    """
    trial = try_in_child(content, Path(), limits_for(len(content)))
    return None if trial.verdict == "harmless" else trial.problem


def _try_all(
    bench: Bench, precision: Precision, progress: Progress
) -> tuple[tuple[Trial, ...], list[Lowering]]:
    """Try every way once, and give the best first; one that does not suit is left out.

    Raises:
        ExportError: Nothing came of any; the message has all reasons.
    """
    trials, found = [], []
    for method, build in _ways(bench, precision).items():
        began = time.perf_counter()
        noise, alike, problem = math.inf, None, None
        try:
            lowering = build()
            noise, alike = bench.try_out(lowering)
            found.append((rank_of(noise, alike), lowering))
        except ExportError as error:
            problem = error.problem
        seconds = round(time.perf_counter() - began, 3)
        trials.append(
            Trial(method=method, problem=problem, noise=noise, agreement=alike, seconds=seconds)
        )
        progress.note(f"{precision}: {_say(trials[-1])}")
    if not found:
        reasons = "; ".join(f"{trial.method}: {trial.problem}" for trial in trials)
        raise ExportError(f"no way to {precision}: {reasons}", hint="leave --precision out")
    return tuple(trials), [way for _, way in sorted(found, key=lambda pair: pair[0])]


def _ways(bench: Bench, precision: Precision) -> dict[str, Callable[[], Lowering]]:
    """List what to try, by name."""
    source, images = bench.source, bench.images
    if precision == "fp16":
        return {"fp16": partial(_build_half, bench)}
    ways: dict[str, Callable[[], Lowering]] = {
        method: partial(StaticInt8, source, method, images.calibration) for method in METHODS
    }
    return ways | ({"dynamic": partial(DynamicInt8, source)} if is_transformer(source) else {})


def _build_half(bench: Bench) -> Half:
    seen = torch.cat([bench.images.calibration, bench.images.validation.edges])
    largest = largest_numbers(bench.source, seen)
    return Half(bench.source, largest, bench.device)


def _say(trial: Trial) -> str:
    if trial.problem is not None:
        return f"{trial.method}: {trial.problem}"
    alike = "" if trial.agreement is None else f", {trial.agreement:.1%} decided alike"
    return f"{trial.method} leaves a noise of {trial.noise:.2%}{alike}"


def _name_blamed(source: Source, settled: Settled) -> tuple[NodeNoise, ...]:
    return tuple(
        NodeNoise(nodes=source.show(found.nodes), noise=found.noise)
        for found in settled.sensitive[:_MOST_BLAMED]
        if found.noise > 0
    )
