"""Whether a GPU has room for what a phase keeps there, and what is said where it has not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from accelerate.utils.memory import should_reduce_batch_size
from torch import Tensor, nn

from zoo.errors import RecipeError

_GIB = 2**30
_KEPT_PER_TRAINED = 3
"""Numbers beside each that trains: its gradient, and the two that Adam keeps."""


def kept_bytes(network: nn.Module) -> int:
    """Count what weights, gradients and optimiser take; activations come on top."""
    tensors: list[Tensor] = [*network.parameters(), *network.buffers()]
    trained = [value for value in network.parameters() if value.requires_grad]
    return sum(value.nbytes for value in tensors) + _KEPT_PER_TRAINED * sum(
        value.nbytes for value in trained
    )


def room_of(device: torch.device) -> int | None:
    """Memory of a GPU, bytes; nothing is said of the machine's own."""
    if device.type != "cuda":
        return None
    return int(torch.cuda.get_device_properties(device).total_memory)


def note_on_room(needed: int, room: int | None, *, shares: int) -> str:
    """Say so where a copy in each process does not fit, and what would help.

    Args:
        needed: Of one whole copy, bytes.
        room: Of one process's device, bytes; None where it is not known.
        shares: Over how many processes it is spread already; 1 for a copy in each.
    """
    if room is None or needed / shares <= room:
        return ""
    whose = "a copy" if shares == 1 else f"each of {shares} shares"
    advice = "--shard in several processes spreads it" if shares == 1 else "start more processes"
    return (
        f"note: weights, gradients and optimiser take {needed / shares / _GIB:.1f} GiB "
        f"({whose}), and the GPU has {room / _GIB:.1f}; {advice}"
    )


@contextmanager
def told_of_room(what: str, hint: str) -> Iterator[None]:
    """Say what did not fit and what to do, where memory runs out.

    Raises:
        RecipeError: It did.
    """
    try:
        yield
    except RuntimeError as cause:
        if not should_reduce_batch_size(cause):
            raise
        raise RecipeError(f"{what} do not fit into memory", hint=hint) from cause
