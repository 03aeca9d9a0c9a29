"""A contender made ready to answer one batch, again and again."""

from __future__ import annotations

from typing import Protocol

from export.benchmark.bench import Bench
from export.benchmark.contenders import Contender, TorchContender
from export.benchmark.onnx_program import OnnxProgram
from export.benchmark.torch_program import TorchProgram
from zoo.evaluation import Outputs


class Program(Protocol):
    """What is measured."""

    def run(self) -> None:
        """Answer the batch; on a GPU, put the work on the current stream."""

    def answers(self) -> Outputs:
        """Return the last run's answers by target, float32 [B, K] on the CPU."""

    def placement(self) -> dict[str, int] | None:
        """Count the nodes by execution provider, where it is a graph that has them."""


def open_program(contender: Contender, bench: Bench) -> Program:
    """Make a contender ready; what it compiles, it compiles when it is first run.

    Raises:
        DeviceError: It cannot run here.
    """
    if isinstance(contender, TorchContender):
        return TorchProgram(contender, bench)
    return OnnxProgram(contender, bench)
