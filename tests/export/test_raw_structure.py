import json
from dataclasses import replace

import onnx
import pytest
from onnx import helper

from export.metadata import describe
from export.raw import describe_raw, embed_preprocessing
from export.raw_structure import examine_raw_graph
from tests.export.raw_graphs import CONTRACT, average_colours
from tests.export.small_models import AGE, KIND, TAGS, make_model

TARGETS = (KIND, TAGS, AGE)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    folder = tmp_path_factory.mktemp("structure") / "model"
    return describe_raw(describe(make_model(folder, *TARGETS), folder), TARGETS)


@pytest.fixture
def raw(expected) -> onnx.ModelProto:
    return embed_preprocessing(average_colours(*TARGETS), CONTRACT, TARGETS, expected)


def failures(proto, expected) -> list[str]:
    return [finding.name for finding in examine_raw_graph(proto, expected) if not finding.passed]


def test_a_raw_graph_is_in_order(raw, expected):
    assert failures(raw, expected) == []


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("name", ["see /a/b", "setup.py", "2024-05-01 10:30", r"C:\me"])
def test_targets_classes_and_columns_may_be_called_like_paths_and_times(name, alone, tmp_path):
    """Outputs bear identifiers, and the metadata the user's own words."""
    targets = [replace(KIND, name=name, classes=(name, f"{name} 2", "c"))]
    if not alone:
        targets += [replace(TAGS, name=f"{name} 3"), replace(AGE, name="x.py", columns=(name,))]
    expected = describe_raw(describe(make_model(tmp_path / "m", *targets), tmp_path / "m"), targets)
    raw = embed_preprocessing(average_colours(*targets), CONTRACT, targets, expected)
    assert name in json.loads(expected["zoo.answers"])
    assert failures(raw, expected) == []


def test_a_network_alone_is_none(expected):
    assert set(failures(average_colours(*TARGETS), expected)) == {"interface", "metadata"}


def test_answers_in_another_order_are_found(raw, expected):
    outputs = list(raw.graph.output)[::-1]
    del raw.graph.output[:]
    raw.graph.output.extend(outputs)
    assert failures(raw, expected) == ["interface"]


def test_a_fixed_height_is_found(raw, expected):
    raw.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 32
    assert failures(raw, expected) == ["interface"]


def test_other_names_of_the_answers_are_found(raw, expected):
    facts = {entry.key: entry.value for entry in raw.metadata_props} | {"zoo.answers": "{}"}
    del raw.metadata_props[:]
    helper.set_model_props(raw, facts)
    assert failures(raw, expected) == ["metadata"]
