import json
from pathlib import Path

from pydantic import TypeAdapter

from zoo.recipes import Recipe
from zoo.registry import load_registry, to_data
from zoo.registry.files import built_in_path
from zoo.registry.schema import committed_path


def test_a_right_file_is_called_right_with_what_it_holds(zoo):
    entry = to_data(load_registry().backbone("resnet18")) | {"name": "ours"}
    data = {"version": 1, "backbones": [entry], "changes": {"vgg16": {"notes": "big"}}}
    Path("r.json").write_text(json.dumps(data))
    outcome = zoo("registry", "check", "r.json")
    assert outcome.code == 0
    assert outcome.out.startswith("r.json is right: 1 backbone, 1 change")
    assert "networks rebuilt and measured" in outcome.out


def test_where_there_is_no_network_none_is_called_rebuilt(zoo):
    recipe = TypeAdapter(Recipe).dump_python(load_registry().recipe("finetune"), mode="json")
    Path("r.json").write_text(json.dumps({"version": 1, "recipes": [recipe | {"name": "ours"}]}))
    outcome = zoo("registry", "check", "r.json")
    assert outcome.code == 0, outcome.err
    assert outcome.out == "r.json is right: 1 recipe (layout and references)\n"


def test_every_mistake_is_reported_at_once(zoo):
    entry = to_data(load_registry().backbone("resnet18")) | {"name": "ours", "macs": 1}
    Path("r.json").write_text(json.dumps({"version": 1, "backbones": [entry], "extra": 1}))
    outcome = zoo("registry", "check", "r.json")
    assert outcome.code == 1
    assert "r.json has 2 mistakes" in outcome.err
    assert "$.extra: unknown key" in outcome.err
    assert "$.backbones[0].macs (ours): is 1" in outcome.err


def test_the_built_in_registry_has_the_layout_it_asks_of_others(zoo):
    assert zoo("registry", "check", built_in_path(), "--no-rebuild").code == 0


def test_a_missing_file_is_an_error(zoo):
    outcome = zoo("registry", "check", "nowhere.json")
    assert outcome.code == 1
    assert "cannot read the registry nowhere.json" in outcome.err


def test_the_schema_is_printed_for_editors(zoo):
    assert zoo("registry", "schema").out == committed_path().read_text()
