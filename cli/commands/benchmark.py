"""`zoo benchmark`: how fast a model answers, measured fairly."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.options import DeviceOption, Format, FormatOption, ModelArgument, Runtime


def benchmark(
    model: ModelArgument,
    batch_sizes: Annotated[
        list[int] | None,
        typer.Option(
            "--batch-size",
            min=1,
            metavar="N",
            help="Images at once; may be repeated. By default 1, 8, 32 and 128.",
        ),
    ] = None,
    rounds: Annotated[
        int, typer.Option(min=1, help="How often each contender is measured at each batch size.")
    ] = 10,
    device: DeviceOption = "auto",
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="CPU threads of both runtimes; by default torch's own number."),
    ] = None,
    compiled: Annotated[
        bool,
        typer.Option("--compile/--no-compile", help="Whether torch.compile takes part."),
    ] = True,
    runtimes: Annotated[
        list[Runtime] | None,
        typer.Option(
            "--runtime",
            help="Measure only this one beside eager PyTorch; by default both.",
        ),
    ] = None,
    tf32: Annotated[
        bool,
        typer.Option("--tf32", help="Round products to TF32 on a GPU, in both runtimes."),
    ] = False,
    plot: Annotated[
        Path | None, typer.Option(help="Draw images a second into this .png or .svg.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Write all figures into this .json.")] = None,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Measure how fast a model answers: PyTorch, torch.compile and ONNX Runtime.

    Contenders take turns, round after round. What cannot run is a row with its reason.
    """
    if plot is not None and plot.suffix.lower() not in (".png", ".svg"):
        raise typer.BadParameter("--plot takes FILE.png or FILE.svg")
    if output is not None and output.suffix.lower() != ".json":
        raise typer.BadParameter("--output takes FILE.json")
    from cli import benchmarking
    from cli.progress import TerminalProgress
    from export.benchmark import BATCH_SIZES, BenchmarkSettings, benchmark_model
    from zoo.hardware import resolve_device
    from zoo.model import load_model
    from zoo.run import locate_model

    settings = BenchmarkSettings(
        batch_sizes=tuple(dict.fromkeys(batch_sizes or BATCH_SIZES)),
        rounds=rounds,
        threads=threads,
        compile=compiled,
        runtimes=tuple(runtime.value for runtime in runtimes or Runtime),
        tf32=tf32,
    )
    folder = locate_model(model).folder
    loaded = load_model(folder, resolve_device(device))
    with TerminalProgress() as progress:
        found = benchmark_model(loaded, folder, settings, progress)
    benchmarking.keep(found, output, plot)
    benchmarking.print_benchmark(found, fmt)
