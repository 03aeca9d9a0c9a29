import json
import math
from dataclasses import replace

import pytest

from cli.options import Format
from cli.verdict import print_report
from export.levels import (
    MetricLevel,
    ParityLevel,
    PlacementLevel,
    TargetParity,
    TargetScore,
    figures_of,
)
from export.parity import Difference
from export.session import NodePlacement
from export.verification import Verification
from zoo.errors import VerificationError


def report(verdict: str) -> Verification:
    nodes = {"CUDAExecutionProvider": {"Conv": 20}, "CPUExecutionProvider": {"Gemm": 1}}
    level = PlacementLevel(
        verdict=verdict, placement=NodePlacement(by_provider=nodes), strays={"Gemm": 1}
    )
    return Verification(
        verdict=verdict,
        file="model.onnx",
        sha256="",
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
    assert "20 nodes on CUDAExecutionProvider, 1 nodes on CPUExecutionProvider" in out
    assert "NVIDIA H100" in out


@pytest.mark.parametrize("fmt", list(Format))
def test_a_failure_is_printed_and_then_raised(tmp_path, capsys, fmt):
    with pytest.raises(VerificationError, match="L4 not on the GPU: 1 Gemm"):
        print_report(report("fail"), tmp_path, fmt)
    assert "fail" in capsys.readouterr().out.lower()


def parity(**changes) -> TargetParity:
    return replace(
        TargetParity(
            verdict="pass",
            kind="class",
            noise_floor=1e-6,
            bound=1e-5,
            spread=2.0,
            max_abs_error=3e-6,
            mean_abs_error=1e-6,
            max_abs_error_float64=2e-6,
            agreement=1.0,
            disagreements=(),
            ties=(),
            worst=Difference(sample="a/1.png", output="cat", reference=1.0, candidate=1.0),
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


def levels(parities: dict[str, TargetParity], scores: dict[str, TargetScore]):
    return {
        "L1": ParityLevel(
            **figures_of(next(iter(parities.values()))),
            num_samples=50,
            edge_inputs=("(black)", "(white)"),
            batch_sizes=(1, 7),
            errors={},
            targets=parities,
        ),
        "L3": MetricLevel(**figures_of(next(iter(scores.values()))), targets=scores),
    }


def test_an_only_target_has_one_line_a_level(tmp_path, capsys):
    found = replace(report("pass"), levels=levels({"label": parity()}, {"label": score()}))
    print_report(found, tmp_path, Format.TABLE)
    out = capsys.readouterr().out
    assert "max error 3.0e-06, allowed 1.0e-05 (noise floor 1.0e-06); 50 images and 2 edge" in out
    assert "top-1 0.9800, PyTorch 0.9800, 50 images, 0 ties" in out
    assert "label" not in out


def test_several_targets_have_a_line_each(tmp_path, capsys):
    parities = {"kind": parity(), "age": parity(kind="value", max_abs_error=0.25, bound=0.5)}
    scores = {"kind": score(), "age": score(metric="mae", metric_onnx=1234.5, metric_torch=1234)}
    found = replace(report("pass"), levels=levels(parities, scores))
    print_report(found, tmp_path, Format.TABLE)
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "L1 same numbers? PASS 50 images and 2 edge inputs, batches 1, 7" in lines
    assert "kind PASS max error 3.0e-06, allowed 1.0e-05 (noise floor 1.0e-06)" in lines
    assert "age PASS max error 2.5e-01, allowed 5.0e-01 (noise floor 1.0e-06)" in lines
    assert "L3 same score? PASS 2 targets, each by its own metric" in lines
    assert "kind PASS top-1 0.9800, PyTorch 0.9800, 50 images, 0 ties" in lines
    assert "age PASS MAE 1234.5, PyTorch 1234, 50 images" in lines


def test_json_has_no_nan(tmp_path, capsys):
    unknown = score(metric_onnx=math.nan, metric_torch=math.nan)
    found = replace(report("pass"), levels=levels({"label": parity()}, {"label": unknown}))
    print_report(found, tmp_path, Format.JSON)
    out = capsys.readouterr().out
    assert "NaN" not in out
    assert json.loads(out)["levels"]["L3"]["metric_onnx"] is None
