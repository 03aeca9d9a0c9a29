"""`torch.compile` where it pays, with the same bits after a resume."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from zoo.backbones.network import Network
from zoo.errors import DeviceError


class Compiled(nn.Module):
    """A network that is one program for batches of the usual size, and itself for others.

    torch would make a second program for the smaller batch at the end of an epoch, for all
    sizes, and use either from then on: which one depends on what a process has seen, so that a
    resumed run would compute otherwise. Here it depends on the batch alone. For the same reason
    each phase starts without the programs of the ones before, of which torch keeps a few.
    """

    def __init__(self, network: Network, usual_size: Callable[[], int]) -> None:
        super().__init__()
        torch.compiler.reset()
        self.network = network
        self._usual_size = usual_size
        self._program = torch.compile(network, dynamic=False)

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """Map images to outputs.

        Raises:
            DeviceError: There is no working compiler for the device.
        """
        is_usual = len(pixels) == self._usual_size()
        with _explained():
            outputs: dict[str, Tensor] = (self._program if is_usual else self.network)(pixels)
        return outputs


def require_compiler(device: torch.device) -> None:
    """Compile next to nothing, to see whether it can be done.

    Raises:
        DeviceError: There is no working compiler for the device.
    """
    with _explained():
        torch.compile(_add_one)(torch.zeros(2, device=device))


def _add_one(numbers: Tensor) -> Tensor:
    return numbers + 1


@contextmanager
def _explained() -> Iterator[None]:
    from torch._dynamo.exc import TorchDynamoException

    try:
        yield
    except TorchDynamoException as cause:
        problem = str(cause).strip().partition("\n")[0]
        raise DeviceError(
            f"torch.compile does not work here: {problem}",
            hint="it needs a C++ compiler such as g++ on the CPU and Triton on a GPU; leaving "
            "--compile out works everywhere",
        ) from cause
