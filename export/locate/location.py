"""Where PyTorch and an exported graph part, as a value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import onnx_ir as ir

from zoo.targets.scoring import Figure

Part = Literal["module", "outputs"]
Method = Literal["names", "values"]

NEIGHBOURS = "depends on the other images of the batch, as BatchNorm in training mode does"
_MOST_NODES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthRow:
    """How far the two are apart at the output of one module."""

    module: str
    """Path in the PyTorch module tree, with the number of the call from the second on;
    `(outputs)` for what the graph answers where nothing else was compared."""
    tensor: str
    """What the ONNX file calls it."""
    error: Figure
    """Largest absolute difference; infinite where the graph does not run up to here or gives
    another shape."""
    bound: Figure
    """What the module's own noise floor permits, in the same unit."""

    @property
    def agrees(self) -> bool:
        """Whether the two are the same here; written so that NaN is not."""
        return self.error <= self.bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """The first module that computes something else than PyTorch's although it reads the same."""

    part: Part
    """`outputs` where the network's last module is right and what follows it is not, or where
    the answers only come in another order."""
    module: str
    """Path in the PyTorch module tree; empty for the network itself."""
    module_type: str
    """Its class."""
    folded: tuple[str, ...]
    """Modules that the exporter made part of this one's nodes, such as a convolution before its
    BatchNorm: they have no tensor of their own in the graph and may be to blame as well."""
    nodes: tuple[str, ...]
    """The ONNX nodes to look at, as `Operator (output)`."""
    error: Figure
    bound: Figure
    cause: str | None
    """What differs from a fresh export of the same network there, where anything does."""
    method: Method
    """How tensors were paired with modules: by the names that a fresh export gives them, or,
    for a file of another exporter, by their values."""
    growth: tuple[GrowthRow, ...]
    """The tensors that were compared on the way, in the order of computation."""

    def explain(self) -> str:
        """Say in one line where and why."""
        place = f"{self.module or 'the network'} ({self.module_type})"
        if self.part == "outputs":
            place = f"the outputs, behind {place}"
        folded = f", which includes {', '.join(self.folded)}," if self.folded else ""
        text = (
            f"PyTorch and ONNX part at {place}{folded} off by {self.error:.2e} where "
            f"{self.bound:.2e} is allowed"
        )
        return f"{text}: {self.cause}" if self.cause else text


def name_nodes(nodes: Iterable[ir.Node]) -> tuple[str, ...]:
    """Name nodes by operator and output, the first few."""
    names = dict.fromkeys(f"{node.op_type} ({node.outputs[0].name})" for node in nodes)
    return tuple(names)[:_MOST_NODES]
