"""Freeze groups found in a network that nobody described: where its resolution changes.

A forward pass without memory tells in which order the modules run and at which resolution
they leave the image. What runs at one resolution is a stage; a transformer, which stays at
one, has a stage a block. The definition follows the feature levels of detection networks
(arXiv:1612.03144) and agrees with what the libraries themselves call stages.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from zoo.errors import RegistryError

_MANY_BLOCKS = 4
"""As many modules of one class in a row are the blocks of a transformer, not a stage."""
_NEARLY_ALL = 0.8
"""Part of all parameters beyond which a module is opened to find the blocks within."""
_WORTH_OPENING = 0.02
"""Part of all parameters below which a module that shrinks the image stays whole (a stem)."""
_LIGHT = 0.15
"""Parameters over those of the stage that follows, below which a unit is its entrance."""

_TINY = 0.002
"""Part of all parameters below which a group is no stage of its own."""

Stages = dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class _Unit:
    """A module that belongs to one stage as a whole."""

    path: str
    module: nn.Module
    octave: int | None
    """How often the image was halved when it left; None once it is pooled away."""
    order: int
    """When it ran."""
    block: bool = False
    """One of the equal blocks of a transformer."""

    @property
    def num_params(self) -> int:
        return _num_params(self.module)

    @property
    def mixes(self) -> bool:
        """Whether it computes with matrices, not only scales and shifts."""
        shapes = (parameter.shape for parameter in self.module.parameters())
        return any(sum(side > 1 for side in shape) > 1 for shape in shapes)

    @property
    def whole(self) -> bool:
        """Whether the library itself gathered several blocks in it."""
        return type(self.module) is nn.Sequential


@dataclass(slots=True)
class _Group:
    units: list[_Unit]
    name: str = ""
    extra: list[str] = field(default_factory=list)
    """Paths of bare parameters."""

    @property
    def num_params(self) -> int:
        return sum(unit.num_params for unit in self.units)

    @property
    def octave(self) -> int | None:
        return self.units[-1].octave

    @property
    def block(self) -> bool:
        return self.units[0].block

    @property
    def paths(self) -> tuple[str, ...]:
        return (*(unit.path for unit in self.units), *self.extra)


def find_stages(network: nn.Module, classifier: str, size: int) -> Stages:
    """Group all parameters but the classifier's, from the stem up.

    Args:
        network: On any device; `meta` needs no memory.
        classifier: Path of the module that the new head replaces.
        size: Height and width of the images, pixels.

    Returns:
        `stem`, then `stage1…` (one a resolution) or `block1…` (one a transformer block), then
        `neck` where something mixes channels after the last of them.

    Raises:
        RegistryError: Nothing but the classifier has parameters.
    """
    walk = _Walk(network, classifier, _trace(network, size))
    units = sorted(walk.units(), key=lambda unit: unit.order)
    if not units:
        raise RegistryError("the network has no parameters before its classifier")
    groups = _name(_merge_tiny(_group(units)))
    groups[0].extra += walk.bare_parameters
    groups[-1].extra += _uncovered(network, classifier, groups)
    return {group.name: group.paths for group in groups}


@dataclass(frozen=True, slots=True)
class _Call:
    order: int
    entered: int | None
    left: int | None


def _trace(network: nn.Module, size: int) -> dict[str, _Call]:
    """Run once and note when each module ran and at which resolutions."""
    calls: dict[str, _Call] = {}
    begun: dict[str, tuple[int, int | None]] = {}

    def enter(name: str) -> Any:
        def hook(_: nn.Module, inputs: tuple[Any, ...]) -> None:
            begun.setdefault(name, (len(begun), _octave(inputs, size)))

        return hook

    def leave(name: str) -> Any:
        def hook(_: nn.Module, __: Any, output: Any) -> None:
            order, entered = begun[name]
            calls.setdefault(name, _Call(order, entered, _octave(output, size)))

        return hook

    handles = []
    for name, module in network.named_modules():
        if name:
            handles += [
                module.register_forward_pre_hook(enter(name)),
                module.register_forward_hook(leave(name)),
            ]
    device = next(network.parameters()).device
    was_training = network.training
    try:
        with torch.no_grad():
            network.eval()(torch.empty(2, 3, size, size, device=device))
    finally:
        network.train(was_training)
        for handle in handles:
            handle.remove()
    return calls


def _octave(value: Any, size: int) -> int | None:
    """Tell from a tensor's shape how often the image has been halved."""
    if isinstance(value, (tuple, list)):
        value = value[0] if value else None
    if not isinstance(value, Tensor):
        return None
    shape = tuple(value.shape)
    if len(shape) == 4:
        side = float(shape[2] if shape[2] == shape[3] else shape[1])
    elif len(shape) == 3:
        side = math.sqrt(shape[1])
    else:
        return None
    return round(math.log2(size / side)) if side > 1 else None


class _Walk:
    """Cuts the module tree into units, in the order in which they run."""

    def __init__(self, network: nn.Module, classifier: str, calls: dict[str, _Call]) -> None:
        self.network = network
        self.classifier = classifier
        self.calls = calls
        self.total = _size_without(network, "", classifier)
        self.bare_parameters: list[str] = []

    def units(self) -> Iterator[_Unit]:
        """Yield what has parameters, except the classifier."""
        return self._open("", self.network, block=False)

    def _open(self, path: str, module: nn.Module, *, block: bool) -> Iterator[_Unit]:
        prefix = f"{path}." if path else ""
        own = [f"{prefix}{name}" for name, _ in module.named_parameters(recurse=False)]
        self.bare_parameters += own
        children = [
            (f"{prefix}{name}", child)
            for name, child in module.named_children()
            if f"{prefix}{name}" != self.classifier and any(True for _ in child.parameters())
        ]
        for name, child in children:
            inside = self.classifier.startswith(f"{name}.")
            if inside or not self._stays_whole(name, child):
                yield from self._open(name, child, block=self._holds_blocks(name, child))
            elif (call := self.calls.get(name)) is not None:
                yield _Unit(name, child, call.left, call.order, block)

    def _stays_whole(self, path: str, module: nn.Module) -> bool:
        if not any(True for _ in module.children()):
            return True
        call = self.calls.get(path)
        if call is None:
            return False
        share = _size_without(module, path, self.classifier) / max(self.total, 1)
        if share >= _NEARLY_ALL:
            heaviest = max(_num_params(child) for child in module.children())
            if heaviest >= _NEARLY_ALL * self.total or self._holds_blocks(path, module):
                return False
        if call.left is None or call.entered is None:
            return share < _NEARLY_ALL
        return call.left - call.entered < 2 or share < _WORTH_OPENING

    def _holds_blocks(self, path: str, module: nn.Module) -> bool:
        """Whether a transformer's equal blocks, all at one resolution, lie directly within."""
        kinds = [type(child) for child in module.children()]
        resolutions = {
            call.left
            for name, _ in module.named_children()
            if (call := self.calls.get(f"{path}.{name}")) is not None
        }
        call = self.calls.get(path)
        entered = {call.entered} if call else resolutions
        share = _size_without(module, path, self.classifier) / max(self.total, 1)
        return (
            share >= _NEARLY_ALL
            and len(resolutions | entered) == 1
            and max((kinds.count(kind) for kind in kinds), default=0) >= _MANY_BLOCKS
        )


def _num_params(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _size_without(module: nn.Module, path: str, classifier: str) -> int:
    prefix = f"{path}." if path else ""
    return sum(
        parameter.numel()
        for name, parameter in module.named_parameters()
        if not f"{prefix}{name}".startswith(f"{classifier}.")
    )


def _group(units: list[_Unit]) -> list[_Group]:
    groups = [_Group([units[0]], "stem")]
    for unit in units[1:]:
        if _belongs(unit, groups[-1]):
            groups[-1].units.append(unit)
        else:
            groups.append(_Group([unit]))
    return groups


def _belongs(unit: _Unit, group: _Group) -> bool:
    """Decide whether a unit continues the group before it."""
    before = group.units[-1]
    if not unit.mixes:
        return True
    if unit.block or before.block or unit.octave != before.octave:
        return False
    if group.name == "stem":
        return type(unit.module) is type(group.units[0].module) and not unit.whole
    if unit.whole:
        return sum(other.num_params for other in group.units) < _LIGHT * unit.num_params
    return not before.whole


def _name(groups: list[_Group]) -> list[_Group]:
    """Name the groups; what comes after the last stage or block is one neck."""
    body = groups[1:]
    while body and _is_neck(body[-1], groups[: len(body)]):
        body = body[:-1]
    neck = groups[1 + len(body) :]
    counts = {"block": 0, "stage": 0}
    for group in body:
        kind = "block" if group.block else "stage"
        counts[kind] += 1
        group.name = f"{kind}{counts[kind]}"
    merged = _Group([unit for group in neck for unit in group.units], "neck")
    return [groups[0], *body, *([merged] if neck else [])]


def _is_neck(group: _Group, before: list[_Group]) -> bool:
    """A projection after the pooling, after blocks, or after stages gathered by the library."""
    first, last = group.units[0], before[-1].units[-1]
    if first.octave is None:
        return True
    same_resolution = first.octave == last.octave
    return same_resolution and not first.block and (last.block or (last.whole and not first.whole))


def _merge_tiny(groups: list[_Group]) -> list[_Group]:
    """Let what holds next to nothing join a neighbour of its resolution, the next one first."""
    total = sum(group.num_params for group in groups)
    merged = groups[:1]
    for at, group in enumerate(groups[1:], start=1):
        after = groups[at + 1] if at + 1 < len(groups) else None
        tiny = group.num_params < _TINY * total and not group.block
        if tiny and after is not None and not after.block and after.octave == group.octave:
            after.units[:0] = group.units
        elif tiny and len(merged) > 1 and merged[-1].octave == group.octave:
            merged[-1].units += group.units
        else:
            merged.append(group)
    return merged


def _uncovered(network: nn.Module, classifier: str, groups: list[_Group]) -> list[str]:
    """List parameters that no forward pass of evaluation touches."""
    covered = tuple(f"{path}." for group in groups for path in group.paths)
    return [
        name
        for name, _ in network.named_parameters()
        if not f"{name}.".startswith((f"{classifier}.", *covered))
    ]
