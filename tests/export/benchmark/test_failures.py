import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from export.benchmark.failures import EXPECTED, NO_ROOM, say_why
from zoo.errors import DeviceError


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:129] DefaultCPUAllocator: can't allocate memory"
        ),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("std::bad_alloc"),
        RuntimeError("CUDA failure 2: out of memory ; GPU=0"),
        RuntimeError("bfc_arena.cc Failed to allocate memory for requested buffer of size 1"),
    ],
)
def test_memory_that_ended_is_recognised(error):
    assert say_why(error) == NO_ROOM


def test_other_reasons_are_told_in_a_line():
    assert say_why(RuntimeError("\n first line\nstack")) == "first line"
    assert say_why(DeviceError("no GPU", hint="buy one")) == "no GPU"
    assert say_why(RuntimeError()) == "RuntimeError"
    assert len(say_why(RuntimeError("x" * 1000))) <= 240


def test_what_onnx_runtime_and_torchs_compiler_raise_is_expected():
    from torch._dynamo.exc import BackendCompilerFailed, TorchDynamoException

    assert issubclass(TorchDynamoException, EXPECTED)
    assert issubclass(BackendCompilerFailed, EXPECTED)
    graph = onnx.parser.parse_model(
        '<ir_version: 10, opset_import: ["": 20]> g (float[1] x) => (float[1] y) { y = Add(x, x) }'
    )
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    with pytest.raises(EXPECTED):
        session.run(None, {"x": np.zeros(2, np.float32)})
