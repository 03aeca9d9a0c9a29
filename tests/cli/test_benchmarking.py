"""Made-up figures: what the screen and the picture say of them."""

import math
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from cli import benchmarking, render
from cli.benchmark_plot import _COLOURS, draw
from cli.options import Format
from export.benchmark import (
    BatchResult,
    Benchmark,
    BenchmarkSettings,
    OnnxContender,
    Row,
    TorchContender,
)
from export.benchmark.answers import Closeness
from export.benchmark.conditions import Conditions
from export.benchmark.contenders import EAGER, list_contenders
from export.benchmark.result import Spread, WarmUp

CHANNELS_LAST = TorchContender(name="torch channels_last", layout="channels_last")
COMPILED = TorchContender(name="torch compile", layout="channels_last", compiled=True)
EXACT, SMALL = (
    OnnxContender(
        name=f"onnx cpu {precision}",
        precision=precision,
        provider="CPUExecutionProvider",
        file="onnx/model.onnx",
    )
    for precision in ("fp32", "int8")
)
CONDITIONS = Conditions(
    created=datetime(2026, 11, 22, 20, 5, tzinfo=UTC),
    device="cpu",
    device_name="Some Processor 7",
    cores=2,
    instructions="AVX2",
    threads=2,
    waiting="sleep",
    load=0.1,
    tf32=False,
    image_size=224,
    rounds=3,
    turn_s=0.05,
    warm_up_s=0.3,
    seed=0,
    versions={"torch": "2.14.1", "onnxruntime": "1.31.1", "python": "3.11.7"},
)


def row(name, ms, batch_size=1, *, difference=1e-6, agreement=1.0):
    return Row(
        contender=name,
        rounds_ms=(ms,) * 3,
        milliseconds=Spread(low=0.9 * ms, median=ms, high=1.1 * ms),
        images_per_second=1e3 * batch_size / ms,
        speedup=Spread(low=1.0, median=100 / ms, high=3.0),
        calls_per_round=1,
        warm_up=WarmUp(open_s=0.5, first_s=1.0, calls=4),
        closeness=Closeness(
            max_abs_difference=difference, max_relative_difference=difference, agreement=agreement
        ),
    )


def benchmark(*rows, batch_size=1, **conditions):
    """One batch size; contenders by the rows' names."""
    known = {found.name: found for found in (EAGER, CHANNELS_LAST, COMPILED, EXACT, SMALL)}
    return Benchmark(
        model="resnet50",
        weights_sha256="0" * 64,
        reference=EAGER.name,
        contenders=tuple(known[found.contender] for found in rows),
        conditions=replace(CONDITIONS, **conditions),
        batches=(BatchResult(batch_size=batch_size, rows=rows),),
    )


def printed(capsys, found):
    benchmarking.print_benchmark(found, Format.TABLE)
    return capsys.readouterr()


REFERENCE = row("torch eager", 100.0)


def test_a_line_has_time_spread_speed_ratio_and_difference(capsys):
    out = printed(capsys, benchmark(REFERENCE, row("onnx cpu fp32", 40.0))).out
    header, batch, eager, onnx = (line.split() for line in out.splitlines()[:4])
    assert header == ["contender", "ms", "quartiles", "img/s", "×", "eager", "differs", "alike"]
    assert batch == ["batch", "1"]
    assert eager == ["torch", "eager", "100", "90.0–110", "10.0", "1.00", "–", "–"]
    assert onnx == ["onnx", "cpu", "fp32", "40.0", "36.0–44.0", "25.0", "2.50", "1e-06", "100%"]


def test_what_was_not_measured_has_its_reason_below_the_table(capsys):
    failed = Row(contender="torch compile", problem="No working C++ compiler")
    out = printed(capsys, benchmark(REFERENCE, failed)).out
    assert "torch compile  No working C++ compiler (batch 1)" in out
    assert printed(capsys, benchmark(REFERENCE)).out.count("not measured") == 0


def test_a_wrong_contender_is_told_in_the_table_and_beside_it(capsys):
    wrong = row("onnx cpu int8", 10.0, difference=4.0, agreement=0.875)
    found = printed(capsys, benchmark(REFERENCE, wrong))
    assert "4e+00  87.5%" in found.out
    assert "onnx cpu int8 decides 12.5% of the images otherwise than torch eager" in found.err


def test_only_all_images_are_a_hundred_per_cent(capsys):
    nearly = row("onnx cpu int8", 10.0, agreement=0.9999)
    assert " 99.9%" in printed(capsys, benchmark(REFERENCE, nearly)).out


def test_values_decide_nothing(capsys):
    alone = row("onnx cpu fp32", 10.0, agreement=math.nan)
    found = printed(capsys, benchmark(REFERENCE, alone))
    assert found.out.splitlines()[3].split()[-1] == "–"
    assert found.err == ""


def test_an_answer_that_is_no_number_is_no_small_difference(capsys):
    found = printed(capsys, benchmark(REFERENCE, row("onnx cpu int8", 10.0, difference=math.nan)))
    assert "nan" in found.out
    assert "onnx cpu int8 answers with what is no number (batch 1)" in found.err


def test_it_is_said_plainly_where_fewer_bits_are_slower(capsys):
    rows = (REFERENCE, row("onnx cpu fp32", 40.0), row("onnx cpu int8", 60.0))
    assert (
        "onnx cpu int8 is slower than float32 at batch 1" in printed(capsys, benchmark(*rows)).err
    )
    rows = (REFERENCE, row("onnx cpu fp32", 40.0), row("onnx cpu int8", 20.0))
    assert "slower" not in printed(capsys, benchmark(*rows)).err


def test_a_busy_machine_is_told(capsys):
    assert printed(capsys, benchmark(REFERENCE)).err == ""
    assert "milliseconds do not" in printed(capsys, benchmark(REFERENCE, load=3.0)).err


def test_warm_up_stands_apart(capsys):
    out = printed(capsys, benchmark(REFERENCE)).out
    assert "torch eager  1.50 s, 4" in out[out.index("warm-up") :]


def test_tf32_is_stated_where_there_may_be_some(capsys):
    assert "TF32" not in printed(capsys, benchmark(REFERENCE)).out
    assert "off in both" in printed(capsys, benchmark(REFERENCE, device="cuda")).out


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_of_the_table_is_folded_on_a_terminal(monkeypatch, width):
    screen = StringIO()
    console = Console(file=screen, force_terminal=True, color_system=None, width=width)
    monkeypatch.setattr(render, "_console", lambda: console)
    slow = row("torch channels_last", 12345.0, 128)
    benchmarking.print_benchmark(benchmark(REFERENCE, slow, batch_size=128), Format.TABLE)
    (line,) = (line for line in screen.getvalue().splitlines() if "12,345" in line)
    assert "11,110–13,580" in line
    assert "1e-06" in line


def test_every_contender_there_can_be_has_a_colour_of_its_own():
    exported = ("fp32", "fp16", "int8")
    for device in ("cpu", "cuda"):
        names = [found.name for found in list_contenders(device, BenchmarkSettings(), exported)]
        assert len({_COLOURS[name] for name in names}) == len(names)


def test_a_picture_names_every_contender_that_was_measured():
    failed = Row(contender="torch compile", problem="no")
    draw(Path("speed.svg"), benchmark(REFERENCE, failed, row("onnx cpu fp32", 4.0)))
    drawn = Path("speed.svg").read_text()
    assert ">torch eager<" in drawn
    assert ">onnx cpu fp32<" in drawn
    assert ">torch compile<" not in drawn
    assert "resnet50, 224 × 224 px, on Some Processor 7, 2 threads" in drawn


def test_a_benchmark_in_which_nothing_ran_is_drawn_all_the_same():
    draw(Path("nothing.svg"), benchmark(Row(contender="torch eager", problem="no")))
    assert ">torch eager<" not in Path("nothing.svg").read_text()
