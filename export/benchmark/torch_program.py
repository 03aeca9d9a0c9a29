"""The trained network as PyTorch runs it: eager or compiled, in either memory layout."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import torch
from torch import Tensor, nn

from export.benchmark.bench import Bench
from export.benchmark.contenders import Layout, TorchContender
from zoo.evaluation import Outputs

_FORMATS: dict[Layout, torch.memory_format] = {
    "contiguous": torch.contiguous_format,
    "channels_last": torch.channels_last,
}


class TorchProgram:
    """A network and a batch in its layout."""

    def __init__(self, contender: TorchContender, bench: Bench) -> None:
        layout = _FORMATS[contender.layout]
        network: nn.Module = deepcopy(bench.model.network).to(memory_format=layout)
        if contender.precision == "fp16":
            network = _Half(network)
        self._network: Callable[[Tensor], Outputs] = network
        if contender.compiled:
            torch.compiler.reset()
            self._network = torch.compile(network, dynamic=False)
        self._images = bench.images.contiguous(memory_format=layout)
        self._found: Outputs = {}

    def run(self) -> None:
        """Answer the batch."""
        self._found = self._network(self._images)

    def answers(self) -> Outputs:
        """Return the last run's answers by target."""
        return {name: value.float().cpu() for name, value in self._found.items()}

    def placement(self) -> None:
        """Say nothing: all of it is where the images are."""


class _Half(nn.Module):
    """A network in float16 that takes and gives float32, as an exported one does."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.half()

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Map float32 images [B, 3, H, W] to float32 outputs [B, K] by target."""
        found: dict[str, Tensor] = self.network(images.half())
        return {name: value.float() for name, value in found.items()}
