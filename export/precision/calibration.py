"""How large the tensors of a graph become on real images."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    TensorsData,
    create_calibrator,
)
from torch import Tensor

from export.interface import INPUT
from export.precision.quiet import quiet
from export.precision.source import Source
from zoo.errors import ExportError

Method = Literal["min-max", "percentile", "entropy"]

METHODS: Mapping[Method, tuple[CalibrationMethod, Mapping[str, Any]]] = {
    "min-max": (CalibrationMethod.MinMax, {}),
    "percentile": (CalibrationMethod.Percentile, {"percentile": 99.99, "symmetric": False}),
    "entropy": (CalibrationMethod.Entropy, {"num_bins": 512, "num_quantized_bins": 128}),
}
"""What finds a tensor's range, and its options. A percentile of magnitudes, the default, fails
where a tensor hardly varies. Entropy (the least Kullback-Leibler divergence,
as of TensorRT) has as many bins as steps unless told otherwise, which leaves it nothing to choose:
then it is min-max."""

_BATCH = 4
"""Images at a time: all tensors of a batch are held at once, 200 MB an image of a ViT-B."""


def calibrate(
    source: Source, method: Method, operators: Sequence[str], images: Tensor
) -> TensorsData:
    """Find the ranges of what some operators read and make.

    Args:
        source: The graph.
        method: What takes a range from what is seen.
        operators: Types of node; none means all.
        images: float32 [N, 3, H, W].

    Raises:
        ExportError: The method finds none for this network.
    """
    kind, options = METHODS[method]
    with quiet(), TemporaryDirectory() as folder:
        path = Path(folder, "float32.onnx")
        onnx.save(source.proto, path)
        calibrator = create_calibrator(
            path,
            list(operators),
            augmented_model_path=str(path.with_stem("augmented")),
            calibrate_method=kind,
            extra_options=dict(options),
        )
        try:
            for batch in images.split(_BATCH):
                calibrator.collect_data(_Reader(batch))
            found: TensorsData = calibrator.compute_data()
        except (ValueError, AssertionError) as cause:
            raise ExportError(f"{method} finds no range: {cause}") from cause
    return found


def largest_numbers(source: Source, images: Tensor) -> dict[str, float]:
    """Find the largest magnitude of every tensor between the nodes; infinite where it is none."""
    ranges = calibrate(source, "min-max", (), images)
    return {name: _magnitude(found.range_value) for name, found in ranges.items()}


def _magnitude(ends: tuple[Any, Any]) -> float:
    largest = float(np.abs(np.concatenate([np.ravel(end) for end in ends])).max())
    return math.inf if math.isnan(largest) else largest


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    """One batch, which is given once."""

    def __init__(self, images: Tensor) -> None:
        self._batches: Iterator[dict[str, np.ndarray]] = iter([{INPUT: images.numpy()}])

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Give the batch; then nothing."""
        return next(self._batches, None)
