"""Tensors of torchvision's networks under the names that timm gives the same tensors."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

State = Mapping[str, Tensor]
Renames = tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """How torchvision's names of a family's tensors become timm's, and back."""

    renames: Renames = ()
    """Patterns and what stands for them, applied in turn."""
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """By pattern of timm's names: the shapes that the same numbers have there."""
    computed: str | None = None
    """Pattern of tensors that both make anew from the network's shape, and timm does not save."""
    thirds: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """By the end of a name: what timm calls the first third of the tensor and the last. The one
    between is never used."""

    def to_timm(self, state: State) -> dict[str, Tensor]:
        """Give tensors timm's names and shapes."""
        found: dict[str, Tensor] = {}
        for name, value in state.items():
            if not self._is_computed(name):
                found |= self._split(self._rename(name), value)
        return found

    def to_own(self, state: State, own: State) -> dict[str, Tensor]:
        """Give tensors torchvision's names and shapes; the inverse of `to_timm`.

        Tensors that have torchvision's names already keep them, and those of no known name too.

        Args:
            state: Tensors of a file.
            own: All that the network holds.
        """
        found = {name: value for name, value in own.items() if self._is_computed(name)}
        given = dict(state)
        for name, value in own.items():
            parts = self._split(self._rename(name), value)
            if all(isinstance(given.get(part), Tensor) for part in parts):
                taken = [given.pop(part) for part in parts]
                found[name] = _in_shape(_join(taken), value)
        return found | given

    def _is_computed(self, name: str) -> bool:
        return self.computed is not None and re.search(self.computed, name) is not None

    def _rename(self, name: str) -> str:
        for pattern, replacement in self.renames:
            name = re.sub(pattern, replacement, name)
        return name

    def _split(self, name: str, value: Tensor) -> dict[str, Tensor]:
        for whole, ends in self.thirds.items():
            if name.endswith(whole):
                first, _, last = value.chunk(3)
                stem = name.removesuffix(whole)
                return {stem + end: part for end, part in zip(ends, (first, last), strict=True)}
        for pattern, shape in self.shapes.items():
            if re.search(pattern, name):
                return {name: value.reshape(shape)}
        return {name: value}


def _join(parts: Sequence[Tensor]) -> Tensor:
    """Put thirds around the one that is never used."""
    if len(parts) == 1:
        return parts[0]
    first, last = (part.flatten() for part in parts)
    return torch.cat([first, torch.zeros_like(first), last])


def _in_shape(value: Tensor, own: Tensor) -> Tensor:
    return value.reshape(own.shape) if value.numel() == own.numel() else value
