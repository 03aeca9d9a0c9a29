"""The processes that train together: one, or those that torchrun or accelerate started."""

from __future__ import annotations

import atexit
import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from typing import Any, TypeVar

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import InitProcessGroupKwargs, broadcast, broadcast_object_list, gather_object
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.nn.parallel import DistributedDataParallel

from zoo.backbones.statistics import follows_inputs
from zoo.errors import DeviceError, EchoedError, RunInterruptedError, ZooError
from zoo.hardware import resolve_device, resolve_precision

T = TypeVar("T")

_LONGEST_WAIT = timedelta(hours=12)
"""For the first process, which reads data and solves heads for all. Nobody waits as long for one
that died: whoever started the processes ends them all."""
_ROWS = 16_384
"""Results that one process hands over at a time; a GPU's memory has to hold them."""


@dataclass(frozen=True, slots=True, eq=False)
class Processes:
    """This process among its equals."""

    accelerator: Accelerator
    device: torch.device
    """Where this one computes."""

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.accelerator.num_processes)

    @property
    def rank(self) -> int:
        """Which one this is, from 0."""
        return int(self.accelerator.process_index)

    @property
    def writes(self) -> bool:
        """Whether this one writes files and speaks to the user."""
        return bool(self.accelerator.is_main_process)

    def agree(self, make: Callable[[], T]) -> T:
        """Let the first process make a value that all have afterwards.

        Raises:
            EchoedError: In the others, when the first could not; it raises what stopped it.
        """
        if self.count == 1:
            return make()
        if not self.writes:
            heard: T = _hear()
            return heard
        try:
            value = make()
        except BaseException as error:
            broadcast_object_list([(None, _describe(error))])
            raise
        broadcast_object_list([(value, None)])
        return value

    def any(self, flag: bool) -> bool:
        """Tell whether a flag is set in any process."""
        if self.count == 1:
            return flag
        flags = torch.tensor(int(flag), device=self.device)
        return bool(self.accelerator.reduce(flags, reduction="sum") > 0)

    def share(self, count: int) -> range:
        """Which of `count` items are this process's: every nth."""
        return range(self.rank, count, self.count)

    def collect(self, mine: Mapping[str, Tensor], count: int) -> dict[str, Tensor]:
        """Put the results for everybody's share together, in the order of the items.

        Args:
            mine: Results for `share(count)` on the CPU, a row an item.
            count: How many items there are.

        Returns:
            Everything in the first process, nothing in the others.
        """
        if self.count == 1:
            return dict(mine)
        parts: list[Mapping[str, Tensor]] = []
        for at in range(0, len(range(0, count, self.count)), _ROWS):
            # Cloned: a view would be sent with all that it is a view of.
            some = {name: rows[at : at + _ROWS].clone() for name, rows in mine.items()}
            heard = gather_object([some])
            parts += heard if self.writes else []
        if not self.writes:
            return {}
        places = torch.tensor([*chain.from_iterable(self._blocks(count))]).argsort()
        return {name: torch.cat([part[name] for part in parts])[places] for name in mine}

    def _blocks(self, count: int) -> Iterator[range]:
        """Go through the items as `collect` hears of them."""
        shares = [range(rank, count, self.count) for rank in range(self.count)]
        for at in range(0, len(shares[0]), _ROWS):
            yield from (share[at : at + _ROWS] for share in shares)

    def join(self, module: nn.Module, *, leaves_some_out: bool = False) -> nn.Module:
        """Let a module have the mean of all processes' gradients.

        Args:
            module: Its own tensors become those of the first process.
            leaves_some_out: Whether some of what trains may have no part in a loss.
        """
        if self.count == 1:
            return module
        return DistributedDataParallel(
            module,
            device_ids=[self.device] if self.device.type == "cuda" else None,
            find_unused_parameters=leaves_some_out,
        )

    def mesh(self) -> DeviceMesh:
        """All processes in a row, for what is spread over them."""
        return init_device_mesh(self.device.type, (self.count,))

    def equalise(self, network: nn.Module) -> None:
        """Give all processes the first one's running statistics."""
        if self.count > 1:
            layers = [part for part in network.modules() if follows_inputs(part)]
            broadcast([buffer for layer in layers for buffer in layer.buffers()])

    def count_neighbours(self) -> int:
        """Count the processes on this machine, this one among them."""
        name = platform.node()
        return 1 if self.count == 1 else gather_object([name]).count(name)


def join_processes(wanted_device: str, wanted_precision: str) -> Processes:
    """Join the processes that were started together.

    Accelerate's state is one a process and refuses a second precision, so what an earlier run
    in this process left is cleared first, as Accelerate's notebook guide does.

    Args:
        wanted_device: `auto`, `cpu`, `cuda` or, of a process alone, `cuda:1`.
        wanted_precision: `auto`, `fp32` or `bf16`.

    Raises:
        DeviceError: The device or the precision cannot be had.
    """
    device = resolve_device(wanted_device)
    precision = resolve_precision(wanted_precision, device)
    AcceleratorState._reset_state(reset_partial_state=True)  # noqa: SLF001
    accelerator = Accelerator(
        cpu=device.type == "cpu",
        device_placement=False,
        mixed_precision="bf16" if precision == "bf16" else "no",
        kwargs_handlers=[InitProcessGroupKwargs(timeout=_LONGEST_WAIT)],
    )
    if accelerator.num_processes == 1:
        return Processes(accelerator, device)
    atexit.register(accelerator.state.destroy_process_group)
    if device.type == "cuda":
        _require_own_gpu(accelerator, device)
        device = accelerator.device
    return Processes(accelerator, device)


def _require_own_gpu(accelerator: Accelerator, wanted: torch.device) -> None:
    """Make sure that no two processes compute on one GPU.

    Raises:
        DeviceError: They would.
    """
    if wanted != torch.device("cuda"):
        raise DeviceError(
            f"{wanted} was asked for, and {accelerator.num_processes} processes cannot share it",
            hint="--device cuda gives each its own; CUDA_VISIBLE_DEVICES chooses among them",
        )
    place, gpus = accelerator.local_process_index, torch.cuda.device_count()
    if place >= gpus:
        raise DeviceError(
            f"process {place + 1} of this machine has no GPU of its own; there are {gpus}",
            hint=f"torchrun --nproc-per-node {gpus}",
        )


def _hear() -> Any:
    """Wait for what the first process made, or for what stopped it."""
    box: list[Any] = [None]
    broadcast_object_list(box)
    value, failure = box[0]
    if failure is not None:
        raise EchoedError(**failure)
    return value


def _describe(error: BaseException) -> dict[str, Any]:
    """Say what `EchoedError` has to know of an error."""
    if isinstance(error, ZooError):
        return {"problem": error.problem, "hint": error.hint, "exit_code": error.exit_code}
    if isinstance(error, KeyboardInterrupt):
        code = RunInterruptedError.exit_code
        return {"problem": "the first process was interrupted", "hint": "", "exit_code": code}
    return {"problem": f"the first process failed: {error!r}", "hint": "", "exit_code": 1}
