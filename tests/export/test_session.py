import pytest
import torch

from export import session
from export.providers import Demands
from export.session import open_session, require_onnx_cuda, resolve_onnx_device
from zoo.errors import DamagedFileError, DeviceError, ExportError

no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU here")
CPU = torch.device("cpu")


def test_targets_and_preprocessing_come_from_the_file(graph, model):
    opened = open_session(graph, CPU)
    assert opened.targets == model.targets
    assert opened.preprocess == model.preprocess
    assert opened.providers_used == ("CPUExecutionProvider",)


def test_what_the_file_says_is_read_once_however_often_it_answers(graph, monkeypatch):
    """Reading takes longer than a small network."""
    reads = []
    read = session.read_targets
    monkeypatch.setattr(session, "read_targets", lambda text: reads.append(text) or read(text))
    opened = open_session(graph, CPU)
    for _ in range(3):
        opened.outputs(torch.zeros(1, 3, 64, 64))
        assert opened.targets
    assert len(reads) == 1


def test_outputs_are_the_networks(graph, model):
    images = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    found = open_session(graph, CPU).outputs(images)
    torch.testing.assert_close(found, model.outputs(images), rtol=0, atol=1e-4)


def test_every_node_is_placed_somewhere(graph):
    placement = open_session(graph, CPU).placement()
    assert set(placement.by_provider) == {"CPUExecutionProvider"}
    assert placement.count("CPUExecutionProvider") > 30
    assert placement.count("CUDAExecutionProvider") == 0


def test_what_is_no_model_is_damaged(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"hello")
    with pytest.raises(DamagedFileError, match=r"m\.onnx is damaged"):
        open_session(tmp_path / "m.onnx", CPU)


def test_what_fails_on_purpose_makes_no_noise(graph, capfd):
    """ONNX Runtime would print on stderr what it raises too."""
    with pytest.raises(ExportError, match="cannot run the model"):
        open_session(graph, CPU).outputs(torch.zeros(1, 3, 65, 64))
    with pytest.raises(DamagedFileError):
        open_session(b"hello", CPU)
    assert capfd.readouterr().err == ""


@no_gpu
def test_cuda_without_a_gpu_is_an_error_that_says_why():
    with pytest.raises(DeviceError, match="CUDA was asked for and cannot be used: .+") as caught:
        resolve_onnx_device("cuda")
    assert "zoo doctor" in caught.value.hint


@no_gpu
def test_a_session_asked_for_cuda_never_falls_back_to_the_cpu(graph):
    """ONNX Runtime itself would warn at most, and run on the CPU."""
    with pytest.raises(DeviceError):
        open_session(graph, torch.device("cuda"))


def test_a_runtime_without_cuda_is_an_error_even_where_torch_has_a_gpu(monkeypatch):
    monkeypatch.setattr(session, "resolve_device", lambda wanted: torch.device("cuda"))
    monkeypatch.setattr(
        session.onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"]
    )
    with pytest.raises(DeviceError, match="has no CUDA provider") as caught:
        require_onnx_cuda()
    assert "onnxruntime-gpu" in caught.value.hint


@pytest.mark.gpu
@needs_gpu
def test_on_a_gpu_every_convolution_runs_there(graph):
    opened = open_session(graph, torch.device("cuda"))
    nodes = opened.placement().by_provider
    assert "Conv" not in nodes.get("CPUExecutionProvider", {})
    assert opened.providers_used[0] == "CUDAExecutionProvider"


@pytest.mark.gpu
@needs_gpu
def test_on_a_gpu_a_network_without_sizes_leaves_nothing_to_the_cpu(graph):
    opened = open_session(graph, torch.device("cuda"), Demands(strict=True))
    assert set(opened.placement().by_provider) == {"CUDAExecutionProvider"}
    assert not opened.tf32


@pytest.mark.gpu
@needs_gpu
def test_on_a_gpu_tf32_is_on_where_it_is_demanded(graph):
    assert open_session(graph, torch.device("cuda"), Demands(tf32=True)).tf32
