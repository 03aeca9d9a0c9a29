import json
import math
from dataclasses import replace

import pytest

from cli.options import Format
from cli.verdict import print_report
from export.attempts import Attempt
from export.levels import MetricLevel, PlacementLevel, TargetScore, figures_of
from export.locate import GrowthRow, Location
from export.number_level import BatchEffect, EdgeNumbers, ParityLevel, TargetNumbers
from export.parity import Difference
from export.placement import NodePlacement
from export.tf32 import Tf32Effect
from export.verification import Verification
from zoo.errors import VerificationError


def report(verdict: str) -> Verification:
    nodes = {"CUDAExecutionProvider": {"Conv": 20}, "CPUExecutionProvider": {"Gemm": 1}}
    level = PlacementLevel(
        verdict=verdict,
        placement=NodePlacement(by_provider=nodes),
        strays=("Gemm (fc)",),
        num_shape_nodes=3,
        source="session",
        strict=False,
    )
    return Verification(
        verdict=verdict,
        file="model.onnx",
        sha256="",
        others={},
        levels={"L4": level},
        device="cuda",
        device_name="NVIDIA H100",
        providers_requested=("CUDAExecutionProvider",),
        providers_used=("CUDAExecutionProvider", "CPUExecutionProvider"),
        tf32=False,
        versions={},
    )


def test_a_gpu_verification_says_which_node_ran_where(tmp_path, capsys):
    print_report(report("pass"), tmp_path, Format.TABLE)
    out = capsys.readouterr().out
    assert "ran on the GPU?" in out
    assert (
        "20 nodes on CUDAExecutionProvider, 1 nodes on CPUExecutionProvider; 3 of arithmetic" in out
    )
    assert "NVIDIA H100" in out


def test_the_exporter_that_failed_is_named_before_the_one_that_was_kept(tmp_path, capsys):
    tried = (
        Attempt(exporter="dynamo", outcome="failed", reason="L1 off by 3", seconds=2.0),
        Attempt(exporter="torchscript", outcome="kept", reason=None, seconds=1.0),
    )
    print_report(replace(report("pass"), attempts=tried), tmp_path, Format.TABLE)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["exporter", "dynamo", "failed:", "L1", "off", "by", "3"] in lines
    assert ["exporter", "torchscript"] in lines


@pytest.mark.parametrize("fmt", list(Format))
def test_a_failure_is_printed_and_then_raised(tmp_path, capsys, fmt):
    with pytest.raises(VerificationError, match=r"L4 not on the GPU: Gemm \(fc\)"):
        print_report(report("fail"), tmp_path, fmt)
    assert "fail" in capsys.readouterr().out.lower()


def parity(**changes) -> TargetNumbers:
    worst = Difference(sample="a/1.png", output="cat", reference=1.0, candidate=1.0)
    return replace(
        TargetNumbers(
            verdict="pass",
            kind="class",
            noise_floor=1e-6,
            bound=1e-5,
            spread=2.0,
            max_abs_error=3e-6,
            mean_abs_error=1e-6,
            max_abs_error_float64=2e-6,
            error_ratio=2.0,
            agreement=0.98,
            num_sure=49,
            sure_agreement=1.0,
            disagreements=(),
            ties=("a/7.png",),
            batch_effect=BatchEffect(
                max_abs_error=1e-7, bound=1e-5, dependent=(), worst=worst, batch_size=7
            ),
            edges=EdgeNumbers(
                verdict="pass",
                noise_floor=1e-4,
                bound=2e-3,
                spread=70.0,
                max_abs_error=3e-4,
                max_abs_error_float64=2e-4,
                error_ratio=2.0,
                worst=replace(worst, sample="(checkerboard)"),
                worst_batch_size=33,
            ),
            worst=worst,
            worst_batch_size=7,
        ),
        **changes,
    )


def score(**changes) -> TargetScore:
    return replace(
        TargetScore(
            verdict="pass",
            metric="top1",
            num_samples=50,
            metric_torch=0.98,
            metric_onnx=0.98,
            metric_recorded=None,
            least=0.98,
            most=0.98,
            ties=0,
        ),
        **changes,
    )


def levels(parities: dict[str, TargetNumbers], scores: dict[str, TargetScore]):
    return {
        "L1": ParityLevel(
            **figures_of(next(iter(parities.values()))),
            num_samples=50,
            edge_inputs=("(black)", "(white)"),
            batch_sizes=(1, 7),
            probed=("a/1.png",),
            errors={},
            targets=parities,
        ),
        "L3": MetricLevel(**figures_of(next(iter(scores.values()))), targets=scores),
    }


def test_an_only_target_has_one_line_a_level(tmp_path, capsys):
    found = replace(report("pass"), levels=levels({"label": parity()}, {"label": score()}))
    print_report(found, tmp_path, Format.TABLE)
    out = capsys.readouterr().out
    assert "max error 3.0e-06, allowed 1.0e-05; 50 images and 2 edge inputs, batches 1, 7" in out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    errors = "PyTorch 1.0e-06 (the noise floor), ONNX Runtime 2.0e-06, ratio 2.00"
    assert f"error from float64 {errors}" in lines
    assert "edge inputs PASS max error 3.0e-04, allowed 2.0e-03, for (checkerboard)" in lines
    assert "decided alike 100.0% of 49 sure images, 1 ties" in lines
    assert "moved by a batch 1.0e-07, allowed 1.0e-05" in lines
    assert "top-1 0.9800, PyTorch 0.9800, 50 images, 0 ties" in out
    assert "label" not in out


def test_several_targets_have_a_line_each(tmp_path, capsys):
    parities = {
        "kind": parity(),
        "age": parity(kind="value", max_abs_error=0.25, bound=0.5, sure_agreement=None),
    }
    scores = {"kind": score(), "age": score(metric="mae", metric_onnx=1234.5, metric_torch=1234)}
    found = replace(report("pass"), levels=levels(parities, scores))
    print_report(found, tmp_path, Format.TABLE)
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "L1 same numbers? PASS 50 images and 2 edge inputs, batches 1, 7" in lines
    assert "kind PASS max error 3.0e-06, allowed 1.0e-05" in lines
    assert "age PASS max error 2.5e-01, allowed 5.0e-01" in lines
    assert sum(line.startswith("decided alike") for line in lines) == 1
    assert "L3 same score? PASS 2 targets, each by its own metric" in lines
    assert "kind PASS top-1 0.9800, PyTorch 0.9800, 50 images, 0 ties" in lines
    assert "age PASS MAE 1234.5, PyTorch 1234, 50 images" in lines


def test_what_tf32_would_change_stands_beside_the_verdict(tmp_path, capsys):
    effect = {"label": Tf32Effect(torch=1.2e-3, onnx=1.5e-3)}
    print_report(replace(report("pass"), tf32_effect=effect), tmp_path, Format.TABLE)
    out = capsys.readouterr().out
    assert "off; it would move label by 1.2e-03 in PyTorch and 1.5e-03 in ONNX Runtime" in out


def test_where_the_two_part_is_printed_below_the_levels(tmp_path, capsys):
    location = Location(
        part="module",
        module="body.conv1",
        module_type="Conv2d",
        folded=(),
        nodes=("Conv (a)",),
        error=0.5,
        bound=1e-6,
        cause="Conv (a): body.conv1.weight is zero",
        method="names",
        growth=(GrowthRow(module="body.conv1", tensor="a", error=0.5, bound=1e-6),),
    )
    with pytest.raises(VerificationError, match=r"part at body\.conv1"):
        print_report(replace(report("fail"), location=location), tmp_path, Format.TABLE)
    out = capsys.readouterr().out
    assert (
        out.index("ran on the GPU?") < out.index("← first") < out.index("FAIL", out.index("cause"))
    )


def test_json_has_no_nan(tmp_path, capsys):
    unknown = score(metric_onnx=math.nan, metric_torch=math.nan)
    found = replace(report("pass"), levels=levels({"label": parity()}, {"label": unknown}))
    print_report(found, tmp_path, Format.JSON)
    out = capsys.readouterr().out
    assert "NaN" not in out
    assert json.loads(out)["levels"]["L3"]["metric_onnx"] is None
