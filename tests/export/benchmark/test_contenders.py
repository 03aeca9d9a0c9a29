from dataclasses import replace

import pytest

from export.benchmark.contenders import list_contenders
from export.benchmark.settings import BenchmarkSettings

ALL = BenchmarkSettings()


def names(device, exported, settings=ALL):
    return [found.name for found in list_contenders(device, settings, exported)]


def test_on_a_cpu_pytorch_meets_every_precision_that_was_exported():
    assert names("cpu", ("fp32", "fp16", "int8")) == [
        *("torch eager", "torch channels_last", "torch compile"),
        *("onnx cpu fp32", "onnx cpu fp16", "onnx cpu int8"),
    ]


def test_on_a_gpu_there_are_both_providers_and_pytorch_in_half_precision_beside_the_half_file():
    assert names("cuda", ("fp32", "fp16")) == [
        *("torch eager", "torch channels_last", "torch compile", "torch fp16"),
        *("onnx cuda fp32", "onnx cuda fp16", "onnx tensorrt fp32", "onnx tensorrt fp16"),
    ]
    assert "torch fp16" not in names("cuda", ("fp32",))


def test_eager_pytorch_takes_part_whatever_is_asked_for():
    only = replace(ALL, runtimes=("onnx",))
    assert names("cpu", ("fp32",), only) == ["torch eager", "onnx cpu fp32"]
    assert names("cpu", ("fp32",), replace(ALL, runtimes=("torch",), compile=False)) == [
        *("torch eager", "torch channels_last"),
    ]


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_every_name_is_another(device):
    found = names(device, ("fp32", "fp16", "int8"))
    assert len(set(found)) == len(found)
