"""What only a GPU shows: whether float16 on it is what is emulated on a CPU."""

from dataclasses import replace

import pytest
import torch

from export.precision.answers import answer
from export.precision.emulate import emulate_half
from tests.export.tiny_networks import make_images

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU here"),
]

NEAR = 0.02
"""Sums in another order round otherwise: a few spacings of float16 at logits of five."""


def test_float16_is_measured_where_it_runs_and_answers_as_emulated(patterns, make):
    from export.session import resolve_onnx_device

    device = resolve_onnx_device("cuda")
    on_gpu = replace(patterns, model=replace(patterns.model, device=device))
    (variant,) = make(on_gpu, "fp16", max_drop=3.0)
    assert variant.report.verdict == "kept"
    assert variant.report.device == "cuda"
    assert not variant.report.emulated
    images = make_images(8)
    there = answer(variant.content, device, images)["kind"]
    here = answer(emulate_half(variant.content), torch.device("cpu"), images)["kind"]
    torch.testing.assert_close(there, here, rtol=0, atol=NEAR)
