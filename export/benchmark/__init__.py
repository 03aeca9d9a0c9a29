"""How fast a model answers: PyTorch, compiled PyTorch and ONNX Runtime side by side."""

from export.benchmark.contenders import Contender, OnnxContender, TorchContender
from export.benchmark.measure import benchmark_model
from export.benchmark.result import BatchResult, Benchmark, Row
from export.benchmark.settings import BATCH_SIZES, BenchmarkSettings

__all__ = [
    "BATCH_SIZES",
    "BatchResult",
    "Benchmark",
    "BenchmarkSettings",
    "Contender",
    "OnnxContender",
    "Row",
    "TorchContender",
    "benchmark_model",
]
