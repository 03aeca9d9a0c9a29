import onnx
import onnxruntime
import pytest
import torch

from export.benchmark.bench import Bench
from export.benchmark.contenders import FILES, OnnxContender
from export.benchmark.sessions import open_for_speed
from zoo.errors import DeviceError

GRAPH = onnx.parser.parse_model(
    '<ir_version: 10, opset_import: ["": 20]> g (float[1] x) => (float[1] y) { y = Add(x, x) }'
).SerializeToString()


def contender(provider, precision="fp32"):
    file = FILES[precision].as_posix()
    return OnnxContender(name="it", precision=precision, provider=provider, file=file)


@pytest.fixture
def bench(tmp_path):
    def make(**changes):
        facts = {"threads": 1, "spin": False, "tf32": False} | changes
        images = torch.zeros(1)
        return Bench(model=None, folder=tmp_path, graphs={"fp32": GRAPH}, images=images, **facts)

    return make


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
@pytest.mark.parametrize("provider", ["CUDAExecutionProvider", "TensorrtExecutionProvider"])
def test_a_provider_that_cannot_be_loaded_is_an_error_and_not_the_cpu_in_silence(
    provider, bench, capfd
):
    with pytest.raises(DeviceError, match=provider) as caught:
        open_for_speed(contender(provider), bench())
    assert "onnxruntime_src" not in caught.value.problem
    assert capfd.readouterr() == ("", "")


def test_threads_and_waiting_are_the_sessions_own(bench, monkeypatch):
    seen = []
    opened = onnxruntime.InferenceSession
    monkeypatch.setattr(
        onnxruntime,
        "InferenceSession",
        lambda content, options, **rest: seen.append(options) or opened(content, options, **rest),
    )
    for threads, spin in ((1, False), (2, True)):
        open_for_speed(contender("CPUExecutionProvider"), bench(threads=threads, spin=spin))
    waits = "session.intra_op.allow_spinning"
    found = [(one.intra_op_num_threads, one.get_session_config_entry(waits)) for one in seen]
    assert found == [(1, "0"), (2, "1")]


@pytest.mark.parametrize(("tf32", "switch"), [(False, 0), (True, 1)])
def test_a_gpu_session_is_as_exact_as_pytorch_and_on_its_stream(tf32, switch, bench, monkeypatch):
    """What is asked of the session; a GPU is not needed to see that."""
    seen = {}

    class Recorder:
        def __init__(self, content, options, *, providers, enable_fallback):
            seen.update(providers=providers, fallback=enable_fallback)

        def get_providers(self):
            return ["CUDAExecutionProvider"]

    monkeypatch.setattr(onnxruntime, "InferenceSession", Recorder)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    open_for_speed(contender("CUDAExecutionProvider"), bench(tf32=tf32, stream=123))
    (name, options), cpu = seen["providers"]
    assert (name, cpu) == ("CUDAExecutionProvider", "CPUExecutionProvider")
    assert options["use_tf32"] == switch
    assert options["user_compute_stream"] == "123"
    assert seen["fallback"] is False
