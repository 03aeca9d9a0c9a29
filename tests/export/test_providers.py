import onnxruntime
import pytest

from export.providers import require_cuda_provider, start_session
from zoo.errors import DeviceError


def test_a_session_says_what_was_asked_for(deployed):
    started = start_session(deployed / "onnx/model.onnx", "cpu")
    assert started.providers_requested == ("CPUExecutionProvider",)
    assert started.session.get_providers() == ["CPUExecutionProvider"]


def test_a_runtime_without_cuda_is_refused_before_it_falls_back(monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    for call in (require_cuda_provider, lambda: start_session(b"", "cuda")):
        with pytest.raises(DeviceError, match="has no CUDA provider"):
            call()
