"""What fp16 and every way to int8 have in common: a graph of which any nodes can be lowered."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol


class Lowering(Protocol):
    """One way to fewer bits, ready to be carried out for any of the nodes."""

    @property
    def method(self) -> str:
        """What it is called."""

    @property
    def nodes(self) -> tuple[str, ...]:
        """What it can lower, in the order of computing."""

    @property
    def spared(self) -> frozenset[str]:
        """What it never lowers for what was measured of it."""

    def lower(self, keep: Collection[str]) -> bytes:
        """Lower all nodes but these, and give the file."""

    def stand_in(self, content: bytes) -> bytes:
        """Give what to run here to learn what such a file computes."""


def lower_alone(lowering: Lowering, nodes: Collection[str]) -> bytes:
    """Lower these nodes and no others, and give what to run."""
    keep = [name for name in lowering.nodes if name not in set(nodes)]
    return lowering.stand_in(lowering.lower(keep))
