"""Small tensors on their way to the device that computes with them."""

from __future__ import annotations

import torch
from torch import Tensor


def send(values: Tensor, device: torch.device) -> Tensor:
    """Send a tensor that was made on the CPU, without waiting for what the device is doing.

    A copy to a GPU from memory that is not pinned would wait for all that it was told before.
    """
    if device.type != "cuda":
        return values.to(device)
    return values.pin_memory().to(device, non_blocking=True)
