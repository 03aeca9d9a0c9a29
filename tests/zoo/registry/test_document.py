import json

import pytest

from zoo.errors import BrokenRegistryError, RegistryError
from zoo.registry import parse_document
from zoo.registry.files import built_in_path


def content() -> dict:
    """The first three backbones and all recipes of the built-in registry."""
    data = json.loads(built_in_path().read_text())
    return data | {"backbones": data["backbones"][:3]}


def mistakes_of(data) -> tuple[str, ...]:
    with pytest.raises(BrokenRegistryError) as caught:
        parse_document(json.dumps(data), origin="mine.json")
    return caught.value.mistakes


def test_every_mistake_is_reported_with_its_json_path_and_the_entrys_name():
    data = content()
    data["backbones"][0]["surprise"] = 1
    data["backbones"][1]["num_params"] = "many"
    data["backbones"][2]["preprocess"]["resize"] = 10
    del data["recipes"][0]["phases"]
    data["extra"] = {}
    found = mistakes_of(data)
    assert "$.backbones[0].surprise (efficientnet_lite0): unknown key" in found
    assert any(m.startswith("$.backbones[1].num_params (efficientnet_lite1): ") for m in found)
    assert any("'many'" in mistake for mistake in found)
    assert any(m.startswith("$.backbones[2].preprocess (efficientnet_lite2): ") for m in found)
    assert "$.recipes[0].phases (linear-probe): is missing" in found
    assert "$.extra: unknown key" in found
    assert len(found) == 5


def test_the_message_names_the_file_and_what_to_do():
    with pytest.raises(BrokenRegistryError) as caught:
        parse_document('{"version": 1, "surprise": 2}', origin="mine.json")
    assert caught.value.problem.startswith("mine.json has 1 mistake:")
    assert "zoo registry check" in caught.value.hint


def test_names_given_twice_are_reported_together_with_the_other_mistakes():
    data = content()
    data["backbones"].append(data["backbones"][0])
    data["recipes"].append(data["recipes"][1])
    twice = mistakes_of(data)
    assert (
        "$.backbones[3].name: 'efficientnet_lite0' is already the name of $.backbones[0]" in twice
    )
    last = len(data["recipes"]) - 1
    assert any(f"$.recipes[{last}].name" in mistake for mistake in twice)
    data["backbones"][1]["macs"] = 0
    assert set(twice) < set(mistakes_of(data))


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"weights": "somewhere"}, "weights"),
        ({"macs": 1.5}, "macs"),
        ({"stages": ["stem"]}, "stages"),
        ({"task": "juggling"}, "task"),
        ({"results": {"top1": 1}}, "results"),
        ({"name": "no/slash"}, "name"),
        ({"feature_dim": None}, "feature_dim"),
    ],
)
def test_a_wrong_type_is_reported_where_it_is(change, place):
    data = content()
    data["backbones"][0] |= change
    (mistake,) = mistakes_of(data)
    assert mistake.startswith(f"$.backbones[0].{place}")


@pytest.mark.parametrize("version", [2, 99])
def test_a_version_from_the_future_says_to_upgrade_and_nothing_else(version):
    data = content() | {"version": version, "invented_later": []}
    with pytest.raises(RegistryError, match=f"registry version {version}") as caught:
        parse_document(json.dumps(data), origin="mine.json")
    assert "upgrade" in caught.value.hint
    assert "invented_later" not in caught.value.problem


@pytest.mark.parametrize("version", [0, -1])
def test_a_version_that_never_was_is_refused(version):
    with pytest.raises(RegistryError, match="never existed"):
        parse_document(json.dumps({"version": version}), origin="mine.json")


@pytest.mark.parametrize("text", ["{", "[1, 2", '{"version": 1,}'])
def test_what_is_no_json_is_called_that(text):
    with pytest.raises(RegistryError, match=r"mine\.json is not JSON"):
        parse_document(text, origin="mine.json")


def test_an_empty_file_is_called_empty_and_told_the_least():
    with pytest.raises(RegistryError, match=r"mine\.json is empty") as caught:
        parse_document(" \n", origin="mine.json")
    assert '{"version": 1}' in caught.value.hint


def test_the_mark_that_some_editors_write_first_does_no_harm():
    assert parse_document(b'\xef\xbb\xbf{"version": 1}', origin="").version == 1


@pytest.mark.parametrize(
    "change",
    [
        {"num_params": "123"},
        {"fixed_size": "yes"},
        {"fixed_size": 1},
        {"min_size": True},
        {"stages": {}},
        {"stages": {"all": ["conv1"]}},
        {"resizable": True},
        {"min_size": 1_000},
        {"size_step": 5},
        {"name": "x" * 101},
    ],
    ids=str,
)
def test_types_and_invariants_are_strict(change):
    data = content()
    data["backbones"][0] |= change
    assert len(mistakes_of(data)) == 1


@pytest.mark.parametrize("number", ["NaN", "Infinity"])
def test_numbers_are_finite(number):
    text = json.dumps(content()).replace('"mean": [0.5,', f'"mean": [{number},', 1)
    with pytest.raises(BrokenRegistryError, match="finite"):
        parse_document(text, origin="mine.json")


@pytest.mark.parametrize("name", [["x"], {}, None, 3])
def test_a_name_that_is_no_text_is_a_mistake_like_any_other(name):
    data = content()
    data["backbones"][0]["name"] = name
    assert len(mistakes_of(data)) == 1


def test_a_misspelt_key_is_told_the_right_one():
    data = content()
    data["backbones"][0]["weigths"] = {}
    assert any("did you mean 'weights'?" in mistake for mistake in mistakes_of(data))


@pytest.mark.parametrize("text", ["[]", "null", "3", '"registry"'])
def test_json_that_is_no_object_is_a_mistake_at_the_top(text):
    with pytest.raises(BrokenRegistryError, match=r"\n  \$: "):
        parse_document(text, origin="mine.json")


def test_a_schema_link_is_allowed():
    assert parse_document('{"$schema": "x.json", "version": 1}', origin="").schema == "x.json"
