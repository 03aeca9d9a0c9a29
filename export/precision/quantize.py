"""int8: weights of eight bits, and what flows between the nodes in 256 steps.

Weights take seven bits of their eight. A CPU without VNNI adds two products of eight bits in
sixteen, where they overflow without a word; a file that was fitted with eight bits on another
machine is silently wrong there (`reduce_range` in ONNX Runtime's documentation of quantisation).
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
from onnxruntime.quantization import QDQQuantizer, QuantType, TensorsData, quantize_dynamic
from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry
from torch import Tensor

from export.precision.calibration import Method, calibrate
from export.precision.quiet import quiet
from export.precision.source import Source, finish

REDUCE_RANGE = True
"""Seven bits of eight for weights; costs a few tenths of a decibel, and is right on any CPU."""

PRODUCTS = ("Conv", "Gemm", "MatMul")
"""What takes the time; all that is quantised of a network with attention or LayerNorm, whose
other tensors have too wide a range for 256 steps."""

EVERYTHING = tuple(sorted({*QDQRegistry, *QLinearOpsRegistry}))
"""All that ONNX Runtime can quantise; of a network of convolutions, so that what flows between
them stays in eight bits."""

_TRANSFORMER = frozenset(("LayerNormalization", "RMSNormalization", "Attention", "Softmax"))


def is_transformer(source: Source) -> bool:
    """Tell whether a network normalises or weighs as transformers do."""
    return not _TRANSFORMER.isdisjoint(source.operators.values())


class StaticInt8:
    """A graph to be quantised with ranges from calibration, as QDQ, a scale a channel of weights.

    Answers themselves are not quantised: they would have 256 values.
    """

    spared: frozenset[str] = frozenset()

    def __init__(self, source: Source, method: Method, images: Tensor) -> None:
        """Calibrate on images, float32 [N, 3, H, W]."""
        self.method = f"{method}"
        self._source = source
        self._operators = PRODUCTS if is_transformer(source) else EVERYTHING
        self._ranges: TensorsData = calibrate(source, method, self._operators, images)
        self.nodes = _of_operators(source, self._operators)

    def lower(self, keep: Collection[str]) -> bytes:
        """Quantise all nodes but these."""
        with quiet():
            quantizer = QDQQuantizer(
                self._source.copy(),
                True,  # noqa: FBT003
                REDUCE_RANGE,
                QuantType.QInt8,
                QuantType.QUInt8,
                self._ranges,
                [],
                list(keep),
                list(self._operators),
                {"OpTypesToExcludeOutputQuantization": ["Gemm", "MatMul"]},
            )
            quantizer.quantize_model()
            quantizer.model.topological_sort()
        return finish(quantizer.model.model, self._source, "int8")

    def stand_in(self, content: bytes) -> bytes:
        """Give what to run to learn what the file computes."""
        return content


class DynamicInt8:
    """A graph whose products are quantised with a range found anew at every call."""

    method = "dynamic"
    spared: frozenset[str] = frozenset()

    def __init__(self, source: Source) -> None:
        self._source = source
        self.nodes = _of_operators(source, ("Gemm", "MatMul"))

    def lower(self, keep: Collection[str]) -> bytes:
        """Quantise all products but these; a Gemm becomes a MatMul under another name."""
        spared = [name for node in keep for name in (node, f"{node}_MatMul")]
        with quiet(), TemporaryDirectory() as folder:
            path = Path(folder, "int8.onnx")
            quantize_dynamic(
                self._source.copy(),
                path,
                op_types_to_quantize=["MatMul", "Gemm"],
                per_channel=True,
                reduce_range=REDUCE_RANGE,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=spared,
            )
            proto = onnx.load(path)
        return finish(proto, self._source, "int8")

    def stand_in(self, content: bytes) -> bytes:
        """Give what to run to learn what the file computes."""
        return content


def _of_operators(source: Source, operators: Collection[str]) -> tuple[str, ...]:
    return tuple(name for name, op in source.operators.items() if op in operators)
