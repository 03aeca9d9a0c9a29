"""float16, but for the nodes that cannot be trusted with it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

from export.precision.casts import mend_casts
from export.precision.emulate import stand_in_for
from export.precision.quiet import quiet
from export.precision.source import Source, finish

UNSAFE = (
    *("LayerNormalization", "GroupNormalization", "InstanceNormalization", "RMSNormalization"),
    *("LpNormalization", "MeanVarianceNormalization", "Softmax", "LogSoftmax"),
    *("ReduceMean", "ReduceSum", "ReduceSumSquare", "ReduceL1", "ReduceL2", "ReduceProd"),
    *("ReduceLogSum", "ReduceLogSumExp", "Exp", "Log", "Pow"),
)
"""Operators that sum, square or exponentiate, besides those that ONNX Runtime itself spares:
float16 ends at 65504, where a square of 256 does, and has three digits."""

LARGEST = 65504.0 / 4
"""Magnitude from which on a tensor stays in float32: another image may excite a network more than
those that were looked at."""


class Half:
    """A graph to be converted to float16; inputs and outputs stay in float32."""

    method = "fp16"

    def __init__(self, source: Source, largest: Mapping[str, float], device: torch.device) -> None:
        """Decide what may be converted.

        Args:
            source: The graph.
            largest: Magnitude of its tensors.
            device: Where it will be measured.
        """
        unsafe = {*DEFAULT_OP_BLOCK_LIST, *UNSAFE}
        self._source, self._device = source, device
        self.spared = _find_overflowing(source, largest)
        """Nodes that read or make what is too large for float16."""
        spared = self.spared | source.makers | _find_crashing(source)
        self.nodes = tuple(
            name for name, op in source.operators.items() if op not in unsafe and name not in spared
        )

    def lower(self, keep: Collection[str]) -> bytes:
        """Convert all nodes but these, and those that never are."""
        lowered = set(self.nodes) - set(keep)
        blocked = [name for name in self._source.operators if name not in lowered]
        with quiet():
            half = OnnxModel(
                convert_float_to_float16(
                    self._source.copy(),
                    keep_io_types=True,
                    op_block_list=[],
                    node_block_list=blocked,
                )
            )
            mend_casts(half.model.graph, self._source.operators.keys())
            half.topological_sort(is_deterministic=True)
        return finish(half.model, self._source, "fp16")

    def stand_in(self, content: bytes) -> bytes:
        """Give what to run to learn what the file computes."""
        return stand_in_for(content, "fp16", self._device)


def _find_overflowing(source: Source, largest: Mapping[str, float]) -> frozenset[str]:
    return frozenset(
        node.name
        for node in source.proto.graph.node
        if not all(largest.get(name, 0.0) <= LARGEST for name in (*node.input, *node.output))
    )


def _find_crashing(source: Source) -> frozenset[str]:
    """Find the transpositions that products with weights read.

    ONNX Runtime 1.31.1 on a CPU dies of such a pair in float16, without a word, while it opens
    the file: between its NCHWc layout and the float16 weights that it widens.
    """
    graph = source.proto.graph
    weights = {tensor.name for tensor in graph.initializer}
    read = {
        name
        for node in graph.node
        if node.op_type == "MatMul" and not weights.isdisjoint(node.input)
        for name in node.input
    }
    return frozenset(
        node.name
        for node in graph.node
        if node.op_type == "Transpose" and not read.isdisjoint(node.output)
    )
