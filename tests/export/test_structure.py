import onnx
import pytest
from onnx import helper

from export.metadata import describe
from export.structure import examine_graph


@pytest.fixture
def failures(model, finished):
    """Names of the findings that fail for a graph."""

    def examine(proto):
        findings = examine_graph(proto, describe(model, finished.model_folder))
        return [finding.name for finding in findings if not finding.passed]

    return examine


def set_metadata(proto, **changes):
    facts = {entry.key: entry.value for entry in proto.metadata_props} | changes
    del proto.metadata_props[:]
    helper.set_model_props(proto, facts)


def test_the_exported_graph_is_in_order(proto, failures):
    assert failures(proto) == []


def test_a_fixed_batch_is_found(proto, failures):
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 3
    assert "interface" in failures(proto)


def test_free_sizes_are_found_where_the_file_promises_none(proto, failures):
    shape = proto.graph.input[0].type.tensor_type.shape
    shape.dim[2].dim_param, shape.dim[3].dim_param = "height", "width"
    assert failures(proto) == ["interface"]
    set_metadata(proto, **{"zoo.dynamic_size": "true"})
    assert failures(proto) == []


def test_a_fixed_size_is_found_where_the_file_promises_free_ones(proto, failures):
    set_metadata(proto, **{"zoo.dynamic_size": "true"})
    assert failures(proto) == ["interface"]


def test_another_exporter_and_other_versions_are_no_mistake(proto, failures):
    """What the model folder does not imply may differ."""
    set_metadata(proto, **{"zoo.exporter": "other", "zoo.versions": "{}"})
    assert failures(proto) == []


def test_another_output_name_is_found(proto, failures):
    proto.graph.output[0].name = proto.graph.node[-1].output[0] = "out"
    assert failures(proto) == ["interface"]


@pytest.mark.parametrize("key", ["zoo.labels", "zoo.targets"])
def test_shuffled_labels_are_found(key, proto, failures):
    (told,) = (entry.value for entry in proto.metadata_props if entry.key == key)
    shuffled = told.replace('"checks", "discs"', '"discs", "checks"')
    assert shuffled != told
    set_metadata(proto, **{key: shuffled})
    assert failures(proto) == ["metadata"]


def test_another_preprocessing_is_found(proto, failures):
    set_metadata(proto, **{"zoo.preprocess": "{}"})
    assert failures(proto) == ["metadata"]


def test_the_export_of_older_weights_is_found(proto, failures):
    set_metadata(proto, **{"zoo.weights_sha256": "0" * 64})
    assert failures(proto) == ["metadata"]


def test_a_path_in_a_node_is_found(proto, failures):
    proto.graph.node[3].metadata_props.add(key="trace", value='File "/opt/me/train.py", line 3')
    assert failures(proto) == ["private"]


def test_a_source_line_in_a_values_name_is_found(proto, failures):
    tensor = proto.graph.initializer[0]
    before, tensor.name = tensor.name, "train.py"
    for node in proto.graph.node:
        node.input[:] = [tensor.name if name == before else name for name in node.input]
    assert failures(proto) == ["private"]


def test_an_operator_that_only_one_runtime_knows_is_found(proto, failures):
    proto.graph.node[0].domain = "com.microsoft"
    assert "portable" in failures(proto)


def test_weights_beside_the_file_are_found(proto, failures):
    tensor = proto.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")
    assert "self-contained" in failures(proto)


def test_a_graph_with_a_loose_end_is_found(proto, failures):
    proto.graph.node[5].input[0] = "nowhere"
    assert "valid" in failures(proto)
