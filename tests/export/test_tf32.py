import math
from dataclasses import replace

import onnx
import pytest
import torch

from export.programs import run_candidate, run_reference
from export.samples import gather_inputs
from export.session import open_session
from export.tf32 import measure_tf32, rounded_float32
from tests.export.small_models import as_file
from zoo.hardware import exact_float32
from zoo.progress import Silence

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def answers(model, evidence, graph):
    """The inputs, and what both programs answer."""
    inputs = gather_inputs(evidence.samples.select([0, 1]), model.preprocess, 0, Silence())
    reference = run_reference(model, inputs, Silence())
    return inputs, reference, run_candidate(open_session(graph, CPU), model, inputs, Silence())


def test_where_there_is_no_tf32_nothing_moves(model, graph, answers):
    (effect,) = measure_tf32(model, as_file(graph), *answers).values()
    # Other batch sizes than those compared with: rounding in float32, nothing of TF32's 1e-3.
    assert 0 <= effect.torch < 1e-5
    assert 0 <= effect.onnx < 1e-5


def test_how_far_answers_move_is_measured_on_each_side(model, graph, answers):
    inputs, reference, candidate = answers
    name = model.targets[0].name
    moved = replace_answers(reference, name, 0.25), replace_candidate(candidate, name, 0.5)
    (effect,) = measure_tf32(model, as_file(graph), inputs, *moved).values()
    assert effect.torch == pytest.approx(0.25, abs=1e-4)
    assert effect.onnx == pytest.approx(0.5, abs=1e-4)


def replace_answers(reference, name, by):
    return replace(reference, float32={name: reference.float32[name] + by})


def replace_candidate(candidate, name, by):
    return replace(candidate, probed={32: {name: candidate.probed[32][name] - by}})


def test_a_graph_that_does_not_run_has_no_figure(model, graph, answers):
    proto = onnx.load_from_string(graph)
    proto.graph.output[0].name = proto.graph.node[-1].output[0] = "another"
    (effect,) = measure_tf32(model, as_file(proto.SerializeToString()), *answers).values()
    assert math.isnan(effect.onnx)


def test_tf32_is_on_for_a_while_only():
    def state():
        return torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32

    with exact_float32():
        with rounded_float32():
            assert state() == (True, True)
        assert state() == (False, False)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU here")
def test_on_a_gpu_with_tf32_answers_move_more_than_rounding_moves_them(finished, evidence, graph):
    from export.verify import verify
    from zoo.model import load_model

    if torch.cuda.get_device_capability() < (8, 0):
        pytest.skip("TF32 came with compute capability 8.0")
    on_gpu = load_model(finished.model_folder, torch.device("cuda"))
    report = verify(on_gpu, finished.model_folder, as_file(graph), evidence.samples)
    (effect,) = report.tf32_effect.values()
    assert report.levels["L1"].noise_floor < effect.torch
    assert report.levels["L1"].noise_floor < effect.onnx
    assert not report.tf32
