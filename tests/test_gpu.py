"""What only a GPU shows: training in bfloat16, parity on CUDA, and where each node ran."""

import pytest
import torch

from export import export_model, gather_evidence
from export.session import resolve_onnx_device
from zoo.model import load_model
from zoo.training.finetune import finetune
from zoo.training.plan import Settings

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU here"),
]


@pytest.fixture(scope="module")
def run(shared_photos, tmp_path_factory):
    settings = Settings(epochs=2, img_size=64, batch_size=16, device="cuda")
    output = tmp_path_factory.mktemp("gpu") / "run"
    return finetune("efficientnet_lite0", shared_photos, settings, output=output)


def test_training_on_a_gpu_is_in_bfloat16_and_learns(run):
    record = run.read()
    assert (record.device, record.precision) == ("cuda", "bf16")
    assert record.metrics["validation"].top1 >= 0.8


def test_an_export_is_proved_on_the_gpu_and_ran_there(run):
    model = load_model(run.model_folder, resolve_onnx_device("cuda"))
    evidence = gather_evidence(run, None, model.targets)
    report = export_model(model, run.model_folder, evidence)
    assert report.verdict == "pass", report
    assert set(report.levels) == {"L0", "L1", "L3", "L4"}
    assert report.providers_used[0] == "CUDAExecutionProvider"
    assert not report.tf32
    assert report.levels["L4"].strays == ()
    assert list(report.tf32_effect) == [target.name for target in model.targets]


def test_two_runs_on_a_gpu_end_in_the_same_bits(shared_photos, run, tmp_path):
    settings = Settings(epochs=2, img_size=64, batch_size=16, device="cuda")
    again = finetune("efficientnet_lite0", shared_photos, settings, output=tmp_path / "again")
    first, second = (load_model(r.model_folder).network.state_dict() for r in (run, again))
    torch.testing.assert_close(first, second, rtol=0, atol=0)
