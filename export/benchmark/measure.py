"""A benchmark from beginning to end."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from export.benchmark.bench import Bench
from export.benchmark.clock import clock_for
from export.benchmark.conditions import Conditions, observe
from export.benchmark.contenders import EAGER, Contender, NumberFormat, list_contenders
from export.benchmark.entrant import Entrant
from export.benchmark.failures import EXPECTED, say_why
from export.benchmark.graphs import read_graphs
from export.benchmark.images import draw_images
from export.benchmark.programs import open_program
from export.benchmark.result import BatchResult, Benchmark
from export.benchmark.rounds import take_turns
from export.benchmark.settings import BenchmarkSettings
from export.benchmark.terms import equal_terms
from export.files import ONNX_FILE
from zoo.errors import RunError, RunInterruptedError
from zoo.model import TrainedModel, weights_sha256
from zoo.progress import Progress, Silence


def benchmark_model(
    model: TrainedModel,
    folder: Path,
    settings: BenchmarkSettings | None = None,
    progress: Progress | None = None,
) -> Benchmark:
    """Measure how fast a model answers, in every way that its folder and device offer.

    What cannot run, or does not fit into memory, is a row with its reason.

    Args:
        model: The trained network, on the device to measure on.
        folder: The model folder that it was read from.
        settings: What to measure.
        progress: Hears what happens.

    Raises:
        RunError: Only ONNX Runtime is to take part, and nothing was exported.
        DamagedFileError: An exported file is not what was written.
        UnsafeFileError: It did harm when it was tried.
        RunInterruptedError: Somebody pressed Ctrl-C.
    """
    settings, listener = settings or BenchmarkSettings(), progress or Silence()
    graphs = _find_graphs(folder, settings, listener)
    contenders = list_contenders(model.device.type, settings, tuple(graphs))
    conditions = observe(model, settings)
    meeting = Meeting(model, folder, settings, graphs, contenders, conditions, listener)
    with equal_terms(model.device, threads=conditions.threads, tf32=conditions.tf32) as stream:
        batches = tuple(meeting.hold(size, stream) for size in settings.batch_sizes)
    return Benchmark(
        model=model.config.backbone.name,
        weights_sha256=weights_sha256(folder),
        reference=EAGER.name,
        contenders=contenders,
        conditions=conditions,
        batches=batches,
    )


def _find_graphs(
    folder: Path, settings: BenchmarkSettings, listener: Progress
) -> Mapping[NumberFormat, bytes]:
    if "onnx" not in settings.runtimes:
        return {}
    graphs = read_graphs(folder)
    if not graphs and "torch" not in settings.runtimes:
        raise RunError(f"{folder} has no {ONNX_FILE}", hint="zoo export makes it")
    if not graphs:
        listener.note(f"no {ONNX_FILE}: PyTorch is measured alone; `zoo export` makes the rest")
    return graphs


@dataclass(frozen=True, slots=True, eq=False)
class Meeting:
    """Everybody who takes part, batch size after batch size."""

    model: TrainedModel
    folder: Path
    settings: BenchmarkSettings
    graphs: Mapping[NumberFormat, bytes]
    contenders: Sequence[Contender]
    conditions: Conditions
    listener: Progress

    def hold(self, batch_size: int, stream: int | None) -> BatchResult:
        """Measure everybody at one batch size, and free what they held."""
        clock = clock_for(self.model.device)
        entrants = [Entrant(contender=found, clock=clock) for found in self.contenders]
        try:
            self._prepare(entrants, batch_size, stream)
            settings = self.settings
            take_turns(entrants, batch_size, settings.rounds, settings.seed, self.listener)
        except KeyboardInterrupt:
            raise RunInterruptedError(
                f"at batches of {batch_size}; nothing was written",
                hint="fewer --batch-size or --rounds take less time",
            ) from None
        finally:
            for entrant in entrants:
                entrant.program = None
            torch.compiler.reset()
            self._free()
        return BatchResult(
            batch_size=batch_size,
            rows=tuple(entrant.to_row(batch_size, entrants[0]) for entrant in entrants),
        )

    def _prepare(self, entrants: list[Entrant], batch_size: int, stream: int | None) -> None:
        """Let everybody compile, warm up and answer, before anybody is timed."""
        images = self._draw(entrants, batch_size)
        if images is None:
            return
        bench = self._bench(images, stream)
        self.listener.start("warm-up", batch_size * len(entrants))
        for entrant in entrants:
            name = entrant.contender.name
            self.listener.advance(0, f"batch {batch_size}: {name}")
            entrant.prepare(partial(open_program, entrant.contender, bench), self.settings)
            entrant.compare_with(entrants[0].outputs, bench.targets)
            self.listener.advance(batch_size)
            if entrant.problem:
                self._free()
        self.listener.finish()

    def _draw(self, entrants: list[Entrant], batch_size: int) -> Tensor | None:
        """Put the images on the device; where they alone do not fit, nothing does."""
        try:
            images = draw_images(batch_size, self.model.preprocess, self.settings.seed)
            return images.to(self.model.device)
        except EXPECTED as error:
            for entrant in entrants:
                entrant.give_up(say_why(error))
            return None

    def _bench(self, images: Tensor, stream: int | None) -> Bench:
        return Bench(
            model=self.model,
            folder=self.folder,
            graphs=self.graphs,
            images=images,
            threads=self.conditions.threads,
            spin=self.conditions.waiting == "spin",
            tf32=self.conditions.tf32,
            stream=stream,
        )

    def _free(self) -> None:
        """Give back what programs held that are gone."""
        gc.collect()
        if self.model.device.type == "cuda":
            torch.cuda.empty_cache()
