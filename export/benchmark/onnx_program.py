"""An exported graph as ONNX Runtime runs it, on the tensors that PyTorch runs on."""

from __future__ import annotations

import numpy as np
import onnxruntime
import torch

from export.benchmark.bench import Bench
from export.benchmark.contenders import OnnxContender
from export.benchmark.sessions import open_for_speed
from export.interface import INPUT, name_outputs
from export.placement import ask_session, can_ask, count_nodes
from zoo.evaluation import Outputs


class OnnxProgram:
    """A session whose input and outputs are bound to memory of the device, once.

    Nothing is copied between host and device, nor allocated, while it is measured.
    """

    def __init__(self, contender: OnnxContender, bench: Bench) -> None:
        self._session = open_for_speed(contender, bench)
        self._images = bench.images
        self._found = {
            target.name: torch.empty(len(bench.images), target.num_outputs, device=bench.device)
            for target in bench.targets
        }
        self._binding = self._session.io_binding()
        self._bind("input", INPUT, self._images)
        for target, output in name_outputs(bench.targets).items():
            self._bind("output", output, self._found[target])
        self._options = onnxruntime.RunOptions()
        if bench.stream is not None:
            # As PyTorch, whose calls return before their work is done. It is on the same stream.
            self._options.add_run_config_entry("disable_synchronize_execution_providers", "1")

    def _bind(self, side: str, name: str, tensor: torch.Tensor) -> None:
        bind = getattr(self._binding, f"bind_{side}")
        place = (tensor.device.type, tensor.device.index or 0)
        bind(name, *place, np.float32, tuple(tensor.shape), tensor.data_ptr())

    def run(self) -> None:
        """Answer the batch."""
        self._session.run_with_iobinding(self._binding, self._options)

    def answers(self) -> Outputs:
        """Return the last run's answers by target."""
        return {name: value.cpu().clone() for name, value in self._found.items()}

    def placement(self) -> dict[str, int] | None:
        """Count the nodes by execution provider, where the session can tell."""
        if not can_ask(self._session):
            return None
        placed = count_nodes(ask_session(self._session))
        return {name: placed.count(name) for name in placed.by_provider}
