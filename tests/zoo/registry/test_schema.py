import json

import jsonschema
import pytest

from zoo.registry import schema
from zoo.registry.files import built_in_path


@pytest.fixture(scope="module")
def validator():
    committed = json.loads(schema.committed_path().read_text())
    jsonschema.Draft202012Validator.check_schema(committed)
    return jsonschema.Draft202012Validator(committed)


def test_the_committed_schema_is_the_one_that_the_code_generates():
    """If this fails: zoo registry schema > zoo/registry/schema.json"""
    assert schema.committed_path().read_text() == schema.to_text(schema.generate())


def test_the_built_in_registry_links_the_schema_and_follows_it(validator):
    data = json.loads(built_in_path().read_text())
    link = built_in_path().parent / data["$schema"]
    assert link.resolve() == schema.committed_path().resolve()
    assert list(validator.iter_errors(data)) == []


@pytest.mark.parametrize(
    "document",
    [
        {"version": 2},
        {"version": 1, "surprise": 1},
        {"version": 1, "backbones": [{"name": "a"}]},
        {"version": 1, "changes": {"resnet50": {"macs": "many"}}},
        {"version": 1, "changes": {"resnet50": {"macs": None}}},
        {"version": 1, "changes": {"resnet50": {"weights": {"surprise": 1}}}},
    ],
)
def test_the_schema_refuses_what_the_code_refuses(validator, document):
    assert not validator.is_valid(document)


def test_the_schema_allows_changes_of_single_fields(validator):
    change = {"recipe": "linear-probe", "weights": {"license": "mit"}, "notes": None}
    assert validator.is_valid({"version": 1, "changes": {"resnet50": change}})


def test_editors_get_the_docstring_of_every_field_of_an_entry(validator):
    entry = validator.schema["$defs"]["Backbone"]["properties"]
    assert "multiple of" in entry["size_step"]["description"]
    weights = validator.schema["$defs"]["Weights"]["properties"]
    assert "40 hex digits" in weights["revision"]["description"]
