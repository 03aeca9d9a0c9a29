"""Tensors at the borders of PyTorch modules, taken while a network runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from zoo.hardware import exact_float32

Side = Literal["input", "output"]


@dataclass(frozen=True, slots=True)
class Tap:
    """The first tensor that one call of a module takes or gives."""

    module: str
    """Path in the module tree; empty for the network itself."""
    side: Side
    call: int = 0
    """Which call of the module, from 0."""
    index: int = 0
    """Which of the tensors; other than 0 only for a network's several targets."""


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Which modules a network calls, in what order, and with what shapes."""

    calls: Counter[str] = field(default_factory=Counter)
    shapes: dict[Tap, tuple[int, ...]] = field(default_factory=dict)
    """Without the batch; in the order in which the tensors appear."""
    leaves: list[str] = field(default_factory=list)
    """Modules without modules inside, in the order in which they end, once a call."""


Listener = Callable[[Tap, Tensor], None]


def trace(network: nn.Module, images: Tensor) -> Trace:
    """Run a network and note the calls of its modules."""
    found = Trace()
    leaves = {path for path, module in network.named_modules() if not any(module.children())}

    def listen(tap: Tap, tensor: Tensor) -> None:
        found.shapes[tap] = tuple(tensor.shape[1:])
        if tap.side == "output" and tap.index == 0:
            found.calls[tap.module] += 1
            if tap.module in leaves:
                found.leaves.append(tap.module)

    paths = [path for path, _ in network.named_modules()]
    with _hooked(network, paths, listen):
        _run(network, images)
    return found


def _everything(tensor: Tensor) -> Tensor:
    return tensor


def tap(
    network: nn.Module,
    taps: Sequence[Tap],
    images: Tensor,
    *,
    keep: Callable[[Tensor], Tensor] = _everything,
) -> dict[Tap, Tensor]:
    """Run a network and copy what the taps name to the CPU, in the network's own precision.

    Args:
        network: Runs where its weights are.
        taps: Which tensors to copy.
        images: [N, 3, H, W]
        keep: What of a tensor to copy.
    """
    wanted, found = frozenset(taps), {}

    def listen(at: Tap, tensor: Tensor) -> None:
        if at in wanted:  # copied at once: an activation in place is about to overwrite it
            found[at] = keep(tensor.detach()).to("cpu", copy=True)

    with _hooked(network, sorted({at.module for at in taps}), listen):
        _run(network, images)
    return found


@torch.inference_mode()
def _run(network: nn.Module, images: Tensor) -> None:
    weight = next(network.parameters())
    with exact_float32():
        network(images.to(weight.device, weight.dtype, memory_format=torch.channels_last))


@contextmanager
def _hooked(network: nn.Module, paths: Sequence[str], listen: Listener) -> Iterator[None]:
    """Let somebody listen to the inputs and outputs of modules."""
    handles = []
    modules = dict(network.named_modules())
    for path in paths:
        before, after = _hooks_of(path, listen)
        handles.append(modules[path].register_forward_pre_hook(before, with_kwargs=True))
        handles.append(modules[path].register_forward_hook(after))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _hooks_of(path: str, listen: Listener) -> tuple[Callable[..., None], Callable[..., None]]:
    """Make the two hooks of one module, which count its calls."""
    begun, ended = iter(range(2**31)), iter(range(2**31))

    def before(_: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        call = next(begun)
        for tensor in _tensors((*args, *kwargs.values()))[:1]:
            listen(Tap(path, "input", call), tensor)

    def after(_: nn.Module, __: tuple[Any, ...], output: Any) -> None:
        call = next(ended)
        for index, tensor in enumerate(_tensors(output)[: None if path == "" else 1]):
            listen(Tap(path, "output", call, index), tensor)

    return before, after


def _tensors(value: Any) -> list[Tensor]:
    """List the floating-point tensors that a module takes or gives."""
    parts = value.values() if isinstance(value, Mapping) else value
    if isinstance(value, Tensor):
        return [value] if value.is_floating_point() else []
    if isinstance(value, Mapping | tuple | list):
        return [tensor for part in parts for tensor in _tensors(part)]
    return []
