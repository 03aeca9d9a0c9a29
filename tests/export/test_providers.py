from dataclasses import dataclass

import onnxruntime
import pytest
import torch

from export.attempts import Unjudged, export_first_that_passes
from export.exporters import EXPORTERS
from export.graph import Graph
from export.onnx_file import OnnxFile
from export.providers import RUNTIME_ERRORS, Demands, require_cuda_provider, start_session
from export.verify import _open
from zoo.errors import DamagedFileError, DeviceError


def test_a_session_says_what_was_asked_for(deployed):
    started = start_session(deployed / "onnx/model.onnx", "cpu")
    assert started.providers_requested == ("CPUExecutionProvider",)
    assert started.session.get_providers() == ["CPUExecutionProvider"]


def test_a_runtime_without_cuda_is_refused_before_it_falls_back(monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    for call in (require_cuda_provider, lambda: start_session(b"", "cuda")):
        with pytest.raises(DeviceError, match="has no CUDA provider"):
            call()


@dataclass
class FakeGpu:
    """ONNX Runtime where it has CUDA, as far as opening a session is concerned."""

    problem: str
    """What it says of the graph."""
    works: bool = True
    """Whether it runs any other graph."""
    falls_back: bool = False
    """Whether it opens the others on the CPU, in silence."""

    def open(self, content, *_, **options):
        if content in (b"wrong", b"dynamo") or not self.works:
            raise _FAIL(self.problem)
        cpu = ["CPUExecutionProvider"]
        found = cpu if self.falls_back else ["CUDAExecutionProvider", *cpu]
        return FakeSession(found)


@dataclass
class FakeSession:
    """A session that tells nothing but where it is."""

    providers: list[str]

    def get_providers(self):
        return self.providers


_FAIL = next(error for error in RUNTIME_ERRORS if error.__name__ == "Fail")


@pytest.fixture
def gpu(monkeypatch):
    """Put a fake in the place of ONNX Runtime's sessions."""

    def install(**facts):
        fake = FakeGpu(**facts)
        monkeypatch.setattr(onnxruntime, "InferenceSession", fake.open)

    available = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: available)
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None)
    return install


def test_a_graph_that_is_rejected_is_damaged_on_a_gpu_too(gpu):
    gpu(problem="Node (x) has input size 0")
    with pytest.raises(DamagedFileError, match="input size 0"):
        start_session(b"wrong", "cuda")
    assert start_session(b"right", "cuda").providers_requested[0] == "CUDAExecutionProvider"


@pytest.mark.parametrize(
    "facts",
    [
        {"problem": "CUDA failure 35: driver version is insufficient", "works": False},
        {"problem": "Node (x) has input size 0", "falls_back": True},
        {"problem": "CUDA failure 2: out of memory"},
        {"problem": "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED"},
        {"problem": "Failed to allocate memory for requested buffer of size 4096"},
    ],
    ids=["driver", "fallback", "memory", "cublas", "arena"],
)
def test_where_cuda_itself_cannot_be_used_the_device_is_at_fault(gpu, facts):
    gpu(**facts)
    with pytest.raises(DeviceError, match="cannot run this model on CUDA: .*[Ff]ail|size 0"):
        start_session(b"wrong", "cuda")


def test_what_is_left_to_the_cpu_against_the_demand_is_no_damage(gpu):
    gpu(problem="fallback to CPU EP has been explicitly disabled")
    with pytest.raises(DeviceError, match="on CUDA alone"):
        start_session(b"wrong", "cuda", demands=Demands(strict=True))


def test_on_a_gpu_the_second_exporter_gets_its_turn(gpu):
    """As `zoo export` judges: what cannot be opened is a failed verification."""
    gpu(problem="Node (x) has input size 0")

    def export(exporter):
        content = exporter.encode()
        return Graph(content=content, weights=None, exporter=exporter, opset=20, dynamic_size=False)

    def judge(graph):
        _open(OnnxFile(name="m", content=graph.content), torch.device("cuda"), Demands())
        return Unjudged()

    found = export_first_that_passes(EXPORTERS, export, judge)
    assert [attempt.outcome for attempt in found.attempts] == ["failed", "kept"]
    assert "input size 0" in found.attempts[0].reason
