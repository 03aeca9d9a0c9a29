import pytest

from cli.options import Format
from cli.verdict import print_report
from export.session import NodePlacement
from export.verification import PlacementLevel, Verification
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
