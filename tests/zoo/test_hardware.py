import pytest
import torch

from zoo.errors import DeviceError
from zoo.hardware import (
    exact_float32,
    explain_missing_cuda,
    processor_name,
    repeatable,
    resolve_device,
    resolve_precision,
    resolve_workers,
    share_cores,
)

no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@no_gpu
def test_a_gpu_asked_for_and_not_there_is_an_error_that_says_why():
    with pytest.raises(DeviceError, match="cannot be used: .+") as caught:
        resolve_device("cuda")
    assert "--device cpu" in caught.value.hint


@no_gpu
def test_auto_is_the_cpu_without_a_gpu():
    assert resolve_device("auto") == CPU
    assert explain_missing_cuda()


def test_auto_is_the_gpu_with_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device("auto") == CUDA


def test_a_gpu_beyond_the_last_is_an_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(DeviceError, match="cuda:3 was asked for; there are 1 GPUs"):
        resolve_device("cuda:3")


@pytest.mark.parametrize("name", ["gpu", "mps", ""])
def test_other_devices_are_refused(name):
    with pytest.raises(DeviceError):
        resolve_device(name)


def test_precision_follows_the_hardware(monkeypatch):
    assert resolve_precision("auto", CPU) == "fp32"
    assert resolve_precision("bf16", CPU) == "bf16"
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    assert resolve_precision("auto", CUDA) == "bf16"
    assert resolve_precision("fp32", CUDA) == "fp32"


def test_bfloat16_on_a_gpu_without_it_is_an_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Old GPU")
    assert resolve_precision("auto", CUDA) == "fp32"
    with pytest.raises(DeviceError, match="Old GPU has no bfloat16"):
        resolve_precision("bf16", CUDA)


def test_workers_are_for_the_gpu_unless_asked_for():
    assert resolve_workers(None, CPU) == 0
    assert resolve_workers(None, CUDA) >= 1
    assert resolve_workers(3, CPU) == 3


@pytest.mark.parametrize(
    ("neighbours", "cores", "workers"), [(1, 12, 8), (2, 6, 6), (5, 2, 2), (20, 1, 1)]
)
def test_processes_that_share_a_machine_share_its_cores(monkeypatch, neighbours, cores, workers):
    monkeypatch.setattr("os.cpu_count", lambda: 12)
    assert share_cores(neighbours) == cores
    assert resolve_workers(None, CUDA, neighbours=neighbours) == workers


def test_tf32_is_off_for_a_while_and_then_as_before():
    torch.backends.cudnn.allow_tf32 = True
    with exact_float32():
        assert not torch.backends.cudnn.allow_tf32
        assert not torch.backends.cuda.matmul.allow_tf32
    assert torch.backends.cudnn.allow_tf32


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("before", [False, True])
def test_repeating_switches_torch_and_gives_its_state_back(strict, before):
    torch.use_deterministic_algorithms(before)
    try:
        with repeatable(strict=strict):
            assert torch.are_deterministic_algorithms_enabled() == (strict or before)
            assert torch.backends.cudnn.deterministic
        assert torch.are_deterministic_algorithms_enabled() == before
        assert not torch.backends.cudnn.deterministic
    finally:
        torch.use_deterministic_algorithms(mode=False)


def test_an_operator_that_cannot_be_repeated_is_refused_by_name():
    with (
        pytest.raises(DeviceError, match="^put_ does not have a deterministic impl") as caught,
        repeatable(strict=True),
    ):
        torch.zeros(2).put_(torch.tensor([0]), torch.tensor([1.0]))
    assert caught.value.hint == "leave --deterministic out"


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match="another"), repeatable(strict=True):
        raise RuntimeError("another")


def test_a_gpu_is_called_what_cuda_calls_it_and_a_cpu_has_a_name(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA H100")
    assert processor_name(CUDA) == "NVIDIA H100"
    assert processor_name(CPU).strip() == processor_name(CPU) != ""
