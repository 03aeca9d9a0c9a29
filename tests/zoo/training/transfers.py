"""Watching what is sent to a device, without one."""

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode


class Copies(TorchDispatchMode):
    """Counts what is sent to the device `meta`, which has no values to wait for."""

    def __init__(self):
        super().__init__()
        self.sent: list[torch.Size] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        came_from = {value.device.type for value in args if isinstance(value, torch.Tensor)}
        arrived = isinstance(result, torch.Tensor) and result.device.type == "meta"
        if came_from == {"cpu"} and arrived:
            self.sent.append(result.shape)
        return result


class NumbersOnCPU(TorchFunctionMode):
    """Refuses tensors made of Python's numbers on a device: a copy that waits, unseen above."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if func in (torch.tensor, torch.as_tensor, torch.Tensor.new_tensor):
            assert result.device.type == "cpu"
        return result
