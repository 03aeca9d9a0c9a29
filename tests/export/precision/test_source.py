import onnx
import pytest
from onnx import helper

from export.precision.source import KEY, finish, read_source
from tests.export.precision.graphs import chain, make_graph
from zoo.errors import ExportError


def source_of(proto):
    return read_source(proto.SerializeToString())


def test_a_file_says_what_it_computes_in_and_all_that_float32_said():
    source = source_of(chain())
    found = onnx.load_from_string(finish(source.copy(), source, "fp16")).metadata_props
    assert {entry.key: entry.value for entry in found} == {"zoo.task": "none", KEY: "fp16"}


def test_what_is_in_fewer_bits_already_is_refused():
    source = source_of(chain())
    with pytest.raises(ExportError, match="in fewer bits already"):
        read_source(finish(source.copy(), source, "int8"))


def test_weights_in_another_file_are_refused():
    proto = chain()
    proto.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
    with pytest.raises(ExportError, match="more than 2 GB"):
        source_of(proto)


def test_nodes_without_a_name_get_one():
    nodes = [helper.make_node("Neg", ["pixel_values"], ["logits"])]
    source = source_of(make_graph(nodes, {}))
    assert source.operators == {"Neg_0": "Neg"}
    assert source.makers == {"Neg_0"}
    assert source.show({"Neg_0"}) == ("Neg (Neg_0)",)


def test_what_is_no_graph_is_an_error_and_no_file():
    source = source_of(chain())
    broken = source.copy()
    broken.graph.node[0].input[0] = "nothing"
    with pytest.raises(ExportError, match="not valid"):
        finish(broken, source, "fp16")


def test_operators_of_one_runtime_are_refused():
    source = source_of(chain())
    foreign = source.copy()
    foreign.graph.node[3].domain = "com.microsoft"
    foreign.graph.node[3].op_type = "Gelu"
    foreign.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    with pytest.raises(ExportError, match="com.microsoft"):
        finish(foreign, source, "int8")


def test_operator_sets_that_nothing_uses_are_left_out():
    source = source_of(chain())
    wide = source.copy()
    wide.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    found = onnx.load_from_string(finish(wide, source, "int8"))
    assert [entry.domain for entry in found.opset_import] == [""]
