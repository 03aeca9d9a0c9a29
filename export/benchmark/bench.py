"""What all contenders of a batch size are given, so that none has it better than another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from export.benchmark.contenders import NumberFormat
from zoo.model import TrainedModel
from zoo.targets import Target


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bench:
    """One batch of images on a device, and what is to answer it."""

    model: TrainedModel
    folder: Path
    """The model folder, beside whose graphs weights may lie."""
    graphs: Mapping[NumberFormat, bytes]
    images: Tensor
    """float32 [B, 3, H, W], contiguous, on the device."""
    threads: int
    """CPU threads within an operator."""
    spin: bool
    """Whether threads that wait for work keep their core."""
    tf32: bool
    stream: int | None = None
    """Handle of the CUDA stream that all work is put on."""

    @property
    def device(self) -> torch.device:
        """Where the images lie."""
        return self.images.device

    @property
    def targets(self) -> tuple[Target, ...]:
        """What is to be answered."""
        return self.model.targets
