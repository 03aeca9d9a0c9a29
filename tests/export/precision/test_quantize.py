import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper

from export.precision.lowering import lower_alone
from export.precision.quantize import PRODUCTS, DynamicInt8, StaticInt8, is_transformer
from export.precision.source import read_source
from tests.export.precision.graphs import WIDTH, chain, make_graph, run

NOISY = 0.15
"""Of answers of about one: 256 steps between the ends of the noise, twice."""


@pytest.fixture
def source():
    return read_source(chain().SerializeToString())


@pytest.fixture
def static(source):
    rows = torch.randn(256, WIDTH, generator=torch.Generator().manual_seed(1))
    return StaticInt8(source, "min-max", rows)


def gemm():
    """A product with a bias, as heads are."""
    nodes = [
        helper.make_node("Relu", ["pixel_values"], ["positive"], name="relu"),
        helper.make_node("Gemm", ["positive", "w", "b"], ["logits"], name="head", transB=1),
    ]
    weights = np.random.default_rng(0).normal(size=(WIDTH, WIDTH))
    return make_graph(nodes, {"w": weights, "b": np.ones(WIDTH)})


def tensors(content):
    proto = onnx.load_from_string(content)
    return {t.name: numpy_helper.to_array(t) for t in proto.graph.initializer}


def operators(content):
    return [node.op_type for node in onnx.load_from_string(content).graph.node]


def test_weights_have_seven_bits_and_a_scale_a_channel(static):
    found = tensors(static.lower(()))
    weights = found["w1_quantized"]
    assert weights.dtype == np.int8
    assert 60 < np.abs(weights).max() <= 64
    assert found["w1_scale"].shape == (WIDTH,)


def test_what_flows_between_nodes_is_unsigned(static):
    points = [a for name, a in tensors(static.lower(())).items() if name.endswith("zero_point")]
    assert {array.dtype for array in points} == {np.dtype("uint8"), np.dtype("int8")}


def test_answers_are_near_those_of_float32(static, source):
    difference = np.abs(run(static.lower(())) - run(source.content)).max()
    assert 0 < difference < NOISY


def test_answers_are_not_quantised():
    source = read_source(gemm().SerializeToString())
    content = StaticInt8(source, "min-max", torch.randn(64, WIDTH)).lower(())
    assert operators(content)[-1] == "Gemm"
    assert len(np.unique(run(content, count=200))) > 256


def test_with_all_nodes_kept_it_is_float32(static, source):
    kept = static.lower(static.nodes)
    assert "QuantizeLinear" not in operators(kept)
    np.testing.assert_array_equal(run(kept), run(source.content))


def test_one_node_alone_makes_less_noise_than_all(static, source):
    ours = run(source.content)
    alone = np.abs(run(lower_alone(static, ("second",))) - ours).mean()
    assert 0 < alone < np.abs(run(static.lower(())) - ours).mean()


@pytest.mark.parametrize("build", [chain, gemm])
def test_dynamic_products_need_no_calibration_and_can_be_kept(build):
    source = read_source(build().SerializeToString())
    dynamic = DynamicInt8(source)
    lowered = dynamic.lower(())
    assert operators(lowered).count("MatMulInteger") == len(dynamic.nodes)
    assert 0 < np.abs(run(lowered) - run(source.content)).max() < NOISY
    kept = dynamic.lower(dynamic.nodes)
    assert "MatMulInteger" not in operators(kept)
    np.testing.assert_allclose(run(kept), run(source.content), rtol=1e-6, atol=1e-6)


def test_of_a_transformer_only_products_are_quantised(attentive, patterns):
    assert not is_transformer(read_source(patterns.content))
    source = read_source(attentive.content)
    assert is_transformer(source)
    images = torch.randn(4, 3, 32, 32)
    nodes = StaticInt8(source, "min-max", images).nodes
    assert {source.operators[name] for name in nodes} <= set(PRODUCTS)
