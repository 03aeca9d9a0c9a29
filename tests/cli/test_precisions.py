import math
from dataclasses import replace

from cli.precisions import print_precisions
from export.precision import Concession, Latency, NodeNoise, PrecisionReport, TargetChange, Trial

WIDTH = 80


def change(**changes) -> TargetChange:
    return replace(
        TargetChange(
            verdict="kept",
            kind="class",
            metric="top1",
            num_images=400,
            metric_float32=0.9675,
            metric_variant=0.965,
            drop=0.25,
            agreement=0.9925,
            max_abs_difference=0.31,
        ),
        **changes,
    )


def report(**changes) -> PrecisionReport:
    trial = Trial(method="min-max", problem=None, noise=0.1, agreement=0.98, seconds=2.0)
    return replace(
        PrecisionReport(
            precision="int8",
            verdict="kept",
            max_drop=0.5,
            sha256="0" * 64,
            size_bytes=3_600_000,
            size_float32_bytes=13_500_000,
            targets={"label": change()},
            finite=True,
            trouble=None,
            method="min-max",
            trials=(trial,),
            concessions=(Concession(num_in_float=0, method="min-max", drop=0.25),),
            nodes_lowered=60,
            nodes_in_float=(),
            blame=(),
            calibration_images=256,
            trial_images=64,
            device="cpu",
            emulated=False,
            latency=(
                Latency(batch_size=1, threads=2, float32_ms=5.13, variant_ms=4.02, ratio=0.784),
                Latency(batch_size=8, threads=2, float32_ms=38.2, variant_ms=30.1, ratio=0.788),
            ),
            seconds=20.0,
        ),
        **changes,
    )


def printed(capsys, *reports) -> list[str]:
    print_precisions(reports)
    lines = capsys.readouterr().out.splitlines()
    return [" ".join(line.split()) for line in lines]


def test_each_variant_stands_below_float32(capsys):
    half = report(precision="fp16", emulated=True, size_bytes=6_800_000)
    lines = printed(capsys, half, report())
    assert lines[0] == "variant verdict size metric alike 1 image 8 images"
    assert "float32 13.5 MB top-1 0.9675 5.1 ms 38.2 ms" in lines
    assert "int8 kept 3.6 MB top-1 0.9650 99.2% 0.78 × 0.79 ×" in lines
    assert any(line.startswith("fp16 On a CPU float16 gains nothing but space") for line in lines)
    assert not any(line.startswith("int8 On") for line in lines)


def test_the_table_fits_a_terminal(capsys):
    print_precisions([report(precision="fp16", verdict="refused"), report()])
    table = capsys.readouterr().out.partition("\n\n")[0]
    assert max(map(len, table.splitlines())) <= WIDTH


def test_a_refused_one_says_why_and_who_is_to_blame(capsys):
    blame = NodeNoise(nodes=("Conv (node_conv2d_3)",), noise=0.45)
    outside = change(verdict="refused", metric_variant=0.9375, drop=3.0)
    lines = printed(capsys, report(verdict="refused", targets={"label": outside}, blame=(blame,)))
    assert any(line.startswith("int8 refused") for line in lines)
    assert lines[-1] == (
        "int8 label: top1 0.9375 instead of 0.9675, 3.00 points where 0.5 are allowed. "
        "Noise of the worst nodes alone: Conv (node_conv2d_3) 45.0%."
    )


def test_it_says_plainly_where_fewer_bits_are_slower(capsys):
    slow = (Latency(batch_size=1, threads=2, float32_ms=1.0, variant_ms=2.0, ratio=2.0),)
    assert report(latency=slow).slower
    assert printed(capsys, report(latency=slow))[-1] == (
        "int8 Slower than float32 here: 2.00 times its time."
    )
    mixed = (*slow, Latency(batch_size=8, threads=2, float32_ms=2.0, variant_ms=1.0, ratio=0.5))
    assert not report(latency=mixed).slower


def test_a_score_does_not_hide_that_answers_are_others(capsys):
    swapped = change(metric_variant=0.9675, drop=0.0, agreement=0.9)
    said = "int8 label: 10.0% of the images are decided otherwise."
    assert printed(capsys, report(targets={"label": swapped}))[-1] == said


def test_several_targets_have_a_line_each(capsys):
    age = change(
        verdict="refused",
        kind="value",
        metric="mae",
        metric_float32=3.25,
        metric_variant=math.nan,
        drop=math.nan,
        agreement=None,
    )
    lines = printed(capsys, report(verdict="refused", targets={"kind": change(), "age": age}))
    assert "age MAE 3.25" in lines
    assert "refused age MAE nan" in lines
    assert lines[-1].startswith("int8 age: mae nan instead of 3.25")


def test_what_cannot_be_opened_has_no_times(capsys):
    broken = report(precision="fp16", verdict="refused", trouble="it crashed", latency=())
    lines = printed(capsys, broken, report())
    assert lines[0].endswith("1 image 8 images")
    assert "fp16 refused 3.6 MB top-1 0.9650 99.2%" in lines
    assert any("cannot be trusted with it: it crashed." in line for line in lines)


def test_what_stayed_in_float_is_named(capsys):
    names = tuple(f"Conv (node_{at})" for at in range(5))
    assert printed(capsys, report(nodes_in_float=names))[-1] == (
        "int8 Left in float32, as measured: Conv (node_0), Conv (node_1), Conv (node_2) and 2 more."
    )


def test_where_nothing_was_asked_for_nothing_is_printed(capsys):
    assert printed(capsys) == []
