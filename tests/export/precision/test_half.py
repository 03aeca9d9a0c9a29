import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from export.precision.emulate import emulate_half
from export.precision.half import LARGEST, Half
from export.precision.source import read_source
from tests.export.precision.graphs import WIDTH, chain, make_graph, run
from zoo.errors import ExportError

CPU = torch.device("cpu")
ALL = ("first", "relu", "second", "tanh", "last")
HALF = 2e-3
"""Four roundings to a relative 5e-4, at answers of about one."""


def to_half(proto, largest=None, keep=()):
    source = read_source(proto.SerializeToString())
    return Half(source, largest or {}, CPU).lower(keep)


def kinds(content):
    """What each tensor is, by name."""
    graph = onnx.shape_inference.infer_shapes(onnx.load_from_string(content)).graph
    values = (*graph.value_info, *graph.input, *graph.output)
    return {value.name: value.type.tensor_type.elem_type for value in values}


def test_inputs_and_outputs_stay_float32_and_the_rest_does_not():
    found = kinds(to_half(chain()))
    assert found["pixel_values"] == found["logits"] == TensorProto.FLOAT
    assert found["large"] == found["rectified"] == found["small"] == TensorProto.FLOAT16


def test_answers_are_near_those_of_float32():
    ours = run(chain().SerializeToString())
    theirs = run(emulate_half(to_half(chain())))
    assert 0 < np.abs(ours - theirs).max() < HALF


def test_a_cpu_hides_the_overflow_that_the_emulation_shows():
    overflowing = to_half(chain(largest=1e5))
    assert np.isfinite(run(overflowing)).all()
    assert not np.isfinite(run(emulate_half(overflowing))).all()


def test_nodes_without_names_are_rounded_too():
    """Whoever changed a file need not have named its nodes."""
    proto = onnx.load_from_string(to_half(chain(largest=1e5)))
    for node in proto.graph.node:
        node.name = ""
    assert not np.isfinite(run(emulate_half(proto.SerializeToString()))).all()


@pytest.mark.parametrize("wrong", ["nothing", "b"])
def test_a_file_whose_types_cannot_be_told_is_an_error(wrong):
    """A tensor that is not known to be float16 would not be rounded."""
    proto = onnx.load_from_string(to_half(chain()))
    proto.graph.node[1].input[0] = wrong
    with pytest.raises(ExportError, match="unknown what a float16 file computes in"):
        emulate_half(proto.SerializeToString())


def test_a_tensor_of_which_nothing_is_known_is_an_error():
    proto = onnx.load_from_string(to_half(chain()))
    proto.opset_import.append(helper.make_opsetid("somebodys", 1))
    proto.graph.node[2].domain = "somebodys"
    with pytest.raises(ExportError, match="nothing tells of 'rectified'"):
        emulate_half(proto.SerializeToString())


def test_what_is_too_large_stays_in_float32_with_all_that_touches_it():
    proto, largest = chain(largest=1e5), {"large": 1e5, "rectified": 1e5}
    source = read_source(proto.SerializeToString())
    half = Half(source, largest, CPU)
    assert half.spared == {"first", "relu", "second"}
    assert half.nodes == ("tanh",)
    content = half.lower(())
    assert kinds(content)["large"] == TensorProto.FLOAT
    assert np.abs(run(emulate_half(content)) - run(source.content)).max() < HALF


def test_a_magnitude_that_is_no_number_is_too_large():
    source = read_source(chain().SerializeToString())
    for largest in (LARGEST * 1.01, float("inf"), float("nan")):
        assert "relu" in Half(source, {"rectified": largest}, CPU).spared
    assert not Half(source, {"rectified": LARGEST}, CPU).spared


@pytest.mark.parametrize(
    ("keep", "casts"),
    [((), 2), (("first",), 2), (("first", "relu"), 2), (("second", "tanh"), 2), (ALL, 0)],
)
def test_nodes_that_are_kept_pass_float32_to_each_other(keep, casts):
    """The last node is kept of itself: it makes an output."""
    content = to_half(chain(), keep=keep)
    operators = [node.op_type for node in onnx.load_from_string(content).graph.node]
    assert operators.count("Cast") == casts
    assert np.abs(run(emulate_half(content)) - run(chain().SerializeToString())).max() < HALF


def test_a_tensor_that_two_kept_nodes_read_is_cast_once():
    nodes = [
        helper.make_node("Neg", ["pixel_values"], ["low"], name="low"),
        helper.make_node("Exp", ["low"], ["one"], name="one"),
        helper.make_node("Log", ["low"], ["two"], name="two"),
        helper.make_node("Add", ["one", "two"], ["logits"], name="sum"),
    ]
    content = to_half(make_graph(nodes, {}))
    outputs = [name for node in onnx.load_from_string(content).graph.node for name in node.output]
    assert len(outputs) == len(set(outputs))


def test_an_output_that_another_kept_node_reads_is_joined_to_both():
    proto = chain()
    proto.graph.node.append(helper.make_node("Exp", ["logits"], ["power"], name="power"))
    proto.graph.node.append(helper.make_node("Neg", ["power"], ["second_output"], name="end"))
    values = helper.make_tensor_value_info("second_output", TensorProto.FLOAT, ["n", WIDTH])
    proto.graph.output.append(values)
    content = to_half(proto)
    assert np.abs(run(emulate_half(content)) - run(proto.SerializeToString())).max() < HALF
    nodes = {node.name: node for node in onnx.load_from_string(content).graph.node}
    assert list(nodes["power"].input) == ["logits"]


@pytest.mark.parametrize("operator", ["Softmax", "LogSoftmax"])
def test_sums_of_exponentials_stay_in_float32(operator):
    nodes = [
        helper.make_node("Neg", ["pixel_values"], ["low"], name="low"),
        helper.make_node(operator, ["low"], ["soft"], name="soft"),
        helper.make_node("Neg", ["soft"], ["high"], name="high"),
        helper.make_node("Neg", ["high"], ["logits"], name="last"),
    ]
    source = read_source(make_graph(nodes, {}).SerializeToString())
    assert Half(source, {}, CPU).nodes == ("low", "high")


def test_no_product_with_weights_reads_a_float16_transposition():
    """ONNX Runtime 1.31.1 dies of it on a CPU; in this very process, if the rule is gone."""
    nodes = [
        helper.make_node("Neg", ["pixel_values"], ["low"], name="low"),
        helper.make_node("Transpose", ["low"], ["turned"], name="turn", perm=[1, 0]),
        helper.make_node("Transpose", ["turned"], ["back"], name="back", perm=[1, 0]),
        helper.make_node("MatMul", ["back", "w"], ["product"], name="product"),
        helper.make_node("Neg", ["product"], ["logits"], name="last"),
    ]
    content = to_half(make_graph(nodes, {"w": np.eye(WIDTH)}))
    assert kinds(content)["turned"] == TensorProto.FLOAT16
    assert np.isfinite(run(content)).all()


def test_the_same_graph_gives_the_same_bytes():
    assert to_half(chain()) == to_half(chain())
