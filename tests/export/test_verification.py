import json
import math
from dataclasses import replace

import pytest
from pydantic import TypeAdapter

from export.finding import Finding
from export.levels import (
    MetricLevel,
    PlacementLevel,
    StructureLevel,
    TargetScore,
    figures_of,
    verdict_of,
)
from export.locate import GrowthRow, Location
from export.placement import NodePlacement
from export.tf32 import Tf32Effect
from export.verification import Verification
from zoo.errors import VerificationError


def verification(**levels) -> Verification:
    failed = any(level.verdict == "fail" for level in levels.values())
    return Verification(
        verdict=verdict_of(not failed),
        file="m.onnx",
        sha256="0" * 64,
        others={},
        levels=levels,
        device="cuda",
        device_name="a GPU",
        providers_requested=("CUDAExecutionProvider",),
        providers_used=("CUDAExecutionProvider",),
        tf32=False,
        versions={},
    )


STRAY = PlacementLevel(
    verdict="fail",
    placement=NodePlacement(by_provider={}),
    strays=("Gemm (a)", "Gemm (b)"),
    num_shape_nodes=0,
    source="session",
    strict=False,
)
PLACE = Location(
    part="module",
    module="body.conv1",
    module_type="Conv2d",
    folded=(),
    nodes=("Conv (a)",),
    error=math.inf,
    bound=1e-6,
    cause=None,
    method="names",
    growth=(GrowthRow(module="body.conv1", tensor="a", error=math.nan, bound=1e-6),),
)
GOOD = StructureLevel(verdict="pass", findings=())
BAD = StructureLevel(
    verdict="fail",
    findings=(
        Finding(name="valid", passed=True, detail="fine"),
        Finding(name="metadata", passed=False, detail="differs in zoo.labels"),
    ),
)


def test_only_failed_levels_are_explained():
    with pytest.raises(VerificationError) as caught:
        verification(L0=GOOD, L4=STRAY).raise_if_failed()
    assert "L4 not on the GPU: Gemm (a), Gemm (b)" in caught.value.problem
    assert "L0" not in caught.value.problem


def test_only_failed_findings_are_explained():
    assert BAD.explain() == "metadata: differs in zoo.labels"


def test_a_pass_raises_nothing():
    verification(L0=GOOD).raise_if_failed()


def test_a_report_comes_back_from_json():
    report = verification(L0=BAD, L4=STRAY)
    adapter = TypeAdapter(Verification)
    assert adapter.validate_json(adapter.dump_json(report)) == report
    assert json.loads(adapter.dump_json(report))["levels"]["L4"]["strays"] == [
        "Gemm (a)",
        "Gemm (b)",
    ]


def test_where_two_programs_part_is_told_with_what_failed():
    with pytest.raises(VerificationError, match=r"ONNX part at body\.conv1 \(Conv2d\)"):
        replace(verification(L4=STRAY), location=PLACE).raise_if_failed()


def test_many_strays_are_counted():
    level = replace(STRAY, strays=tuple(f"Conv ({at})" for at in range(9)))
    assert level.explain().endswith("Conv (4) and 4 more")


def test_a_report_is_strict_json_whatever_its_figures_are():
    def refuse(text):
        raise AssertionError(text)

    effect = {"kind": Tf32Effect(torch=1e-3, onnx=math.nan)}
    report = replace(verification(L0=GOOD), location=PLACE, tf32_effect=effect)
    adapter = TypeAdapter(Verification)
    text = adapter.dump_json(report)
    found = json.loads(text, parse_constant=refuse)
    assert found["tf32_effect"] == {"kind": {"torch": 1e-3, "onnx": None}}
    assert found["location"]["error"] is found["location"]["growth"][0]["error"] is None
    again = adapter.validate_json(text)
    assert math.isnan(again.location.error)
    assert math.isnan(again.tf32_effect["kind"].onnx)


def test_a_figure_that_is_no_number_comes_back_from_json_as_one():
    score = TargetScore(
        verdict="fail",
        metric="r2",
        num_samples=0,
        metric_torch=math.nan,
        metric_onnx=math.nan,
        metric_recorded=None,
        least=math.nan,
        most=math.nan,
        ties=0,
    )
    level = MetricLevel(**figures_of(score), targets={"pose": score})
    adapter = TypeAdapter(Verification)
    found = adapter.validate_json(adapter.dump_json(verification(L3=level))).levels["L3"]
    assert isinstance(found, MetricLevel)
    assert math.isnan(found.metric_onnx)
    assert math.isnan(found.targets["pose"].metric_onnx)
    assert found.metric_recorded is None
