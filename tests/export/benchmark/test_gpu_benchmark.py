"""What only a GPU shows: its providers, half precision, and events on one stream."""

import pytest
import torch

from export.benchmark import BenchmarkSettings, benchmark_model
from export.benchmark.clock import CudaClock
from export.files import ONNX_FILE
from export.graph import export_graph
from export.hostile import remember
from tests.export.small_models import KIND, make_model
from zoo.manifest import update_manifest
from zoo.model import load_model
from zoo.storage import write_bytes

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU here"),
]


def test_the_gpu_is_measured_by_its_own_clock_and_answers_as_eager_does(tmp_path):
    folder = tmp_path / "model"
    content = export_graph(make_model(folder, KIND), folder).content
    remember(content)
    write_bytes(folder / ONNX_FILE, content)
    update_manifest(folder, [ONNX_FILE.as_posix()])
    model = load_model(folder, torch.device("cuda"))
    settings = BenchmarkSettings(batch_sizes=(1, 8), rounds=3, compile=False)
    found = benchmark_model(model, folder, settings)
    for batch in found.batches:
        rows = {row.contender: row for row in batch.rows}
        onnx_row = rows["onnx cuda fp32"]
        assert onnx_row.problem == ""
        # TF32 is off in both; another algorithm sums in another order.
        assert onnx_row.closeness.max_relative_difference < 1e-3
        assert onnx_row.placement["CUDAExecutionProvider"] > 0
        tensorrt = rows["onnx tensorrt fp32"]
        assert tensorrt.problem or tensorrt.milliseconds


def test_work_that_was_queued_before_is_not_counted():
    clock, numbers = CudaClock(), torch.rand(4096, 4096, device="cuda")
    clock.time(lambda: numbers @ numbers, 3)
    alone = clock.time(lambda: numbers @ numbers, 3)
    for _ in range(30):
        numbers @ numbers
    # Ten times the work was waiting; twice is what a clock rate may change.
    assert clock.time(lambda: numbers @ numbers, 3) < 3 * alone
