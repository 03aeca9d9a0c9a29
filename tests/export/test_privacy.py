import getpass

import onnx
import pytest
from onnx import helper

from export.privacy import find_leaks

TIME = "2026-11-22T17:14:04"
PATH = "/home/somebody/train.py"


@pytest.fixture
def small():
    """Every kind of text that a graph has."""
    value = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["batch_size", 3])
    answer = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)
    weight = helper.make_tensor("weight", onnx.TensorProto.FLOAT, [3], [0.0, 1.0, 2.0])
    node = helper.make_node("Add", ["x", "weight"], ["y"], name="network.root.add")
    graph = helper.make_graph([node], "main_graph", [value], [answer], [weight])
    return helper.make_model(graph, producer_name="pytorch", producer_version="2.14.1")


def leaks(proto):
    return list(find_leaks(proto))


def test_an_innocent_graph_tells_nothing(small):
    assert leaks(small) == []


@pytest.mark.parametrize("text", [PATH, r"C:\Users\me\x", "train.py", "see train.py, line 3", TIME])
@pytest.mark.parametrize(
    "place",
    [
        lambda p: ("doc_string", p),
        lambda p: ("doc_string", p.graph),
        lambda p: ("name", p.graph),
        lambda p: ("doc_string", p.graph.node[0]),
        lambda p: ("name", p.graph.node[0]),
        lambda p: ("doc_string", p.graph.input[0]),
        lambda p: ("name", p.graph.output[0]),
        lambda p: ("name", p.graph.initializer[0]),
        lambda p: ("doc_string", p.graph.initializer[0]),
        lambda p: ("dim_param", p.graph.input[0].type.tensor_type.shape.dim[0]),
        lambda p: ("value", p.metadata_props.add(key="note")),
        lambda p: ("value", p.metadata_props.add(key="zoo.backbone")),
        lambda p: ("value", p.graph.metadata_props.add(key="note")),
        lambda p: ("value", p.graph.node[0].metadata_props.add(key="stack_trace")),
        lambda p: ("producer_name", p),
    ],
)
def test_paths_source_lines_and_times_are_found_wherever_they_are(small, place, text):
    field, owner = place(small)
    setattr(owner, field, text)
    assert len(leaks(small)) == 1


def test_inputs_of_nodes_and_attributes_are_searched_too(small):
    node = small.graph.node[0]
    node.input[0] = "/tmp/somebody/x"
    node.attribute.append(helper.make_attribute("mode", PATH))
    assert len(leaks(small)) == 2


def test_subgraphs_are_searched_too(small):
    inner = onnx.GraphProto()
    inner.node.add(op_type="Add", doc_string=PATH)
    small.graph.node[0].attribute.append(helper.make_attribute("then_branch", inner))
    assert len(leaks(small)) == 1


def test_the_makers_name_is_found_in_notes_as_a_word(small, monkeypatch):
    monkeypatch.setattr(getpass, "getuser", lambda: "carol")
    small.graph.doc_string = "made by carol"
    small.graph.node[0].metadata_props.add(key="owner", value="carol")
    assert len(leaks(small)) == 2
    small.graph.doc_string = "carols"
    assert len(leaks(small)) == 1


def test_a_layer_may_be_called_as_the_maker_is(small, monkeypatch):
    monkeypatch.setattr(getpass, "getuser", lambda: "root")
    small.metadata_props.add(key="zoo.backbone", value="root")
    assert leaks(small) == []


@pytest.mark.parametrize("error", [OSError, KeyError, ImportError])
def test_a_maker_without_a_name_leaves_no_trace(small, monkeypatch, error):
    def nobody():
        raise error

    monkeypatch.setattr(getpass, "getuser", nobody)
    small.doc_string = "anything"
    assert leaks(small) == []


@pytest.mark.parametrize("key", ["zoo.labels", "zoo.targets", "zoo.calibration", "zoo.answers"])
def test_names_of_targets_and_classes_may_look_like_anything(small, key):
    small.metadata_props.add(key=key, value=f'["{PATH}", "{TIME}"]')
    assert leaks(small) == []


def test_weights_are_numbers_whatever_they_spell(small):
    small.graph.initializer[0].raw_data = PATH.encode()
    assert leaks(small) == []
