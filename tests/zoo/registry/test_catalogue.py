import json
from pathlib import Path

import pytest

from zoo.errors import (
    BrokenRegistryError,
    RegistryError,
    UnknownBackboneError,
    UnknownRecipeError,
)
from zoo.registry import lineage, load_registry, to_data
from zoo.registry.catalogue import merge
from zoo.registry.files import PROJECT_FILE


def entry(name: str = "mine", **changes) -> dict:
    """An entry of its own, with resnet18's facts."""
    data = to_data(load_registry().backbone("resnet18")) | {"name": name}
    weights = data["weights"] | changes.pop("weights", {})
    return data | {"weights": weights} | changes


def write(path: Path, **parts) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"version": 1, **parts}))
    return path


def test_lookup_of_a_near_miss_suggests_the_name():
    with pytest.raises(UnknownBackboneError) as caught:
        load_registry().backbone("resnet5")
    assert "'resnet50'" in caught.value.hint


def test_lookup_of_an_unknown_recipe_lists_the_known():
    with pytest.raises(UnknownRecipeError, match="finetune"):
        load_registry().recipe("magic")


def test_user_project_and_named_files_lie_over_the_built_in_in_this_order(user_folder, tmp_path):
    files = [user_folder / "registry.json", Path(PROJECT_FILE), tmp_path / "a.json"]
    for at, path in enumerate(files):
        write(path, backbones=[entry(f"only-{at}"), entry("all", summary=f"from {at}")])
    registry = load_registry([files[2]])
    assert {"only-0", "only-1", "only-2", "resnet50"} <= set(registry.backbones)
    assert registry.backbone("all").summary == "from 2"
    assert registry.origins["all"] == str(files[2])
    assert registry.origins["only-0"] == str(files[0])
    assert registry.origins["only-1"] == str(files[1].resolve())
    assert registry.origins["resnet50"] == "built-in"
    assert load_registry().backbone("all").summary == "from 1"


def test_a_whole_entry_replaces_the_one_beneath(tmp_path):
    file = write(tmp_path / "r.json", backbones=[entry("resnet50")])
    registry = load_registry([file])
    assert registry.backbone("resnet50").architecture == "resnet18"
    assert registry.origin_of("resnet50", "weights", "license") == str(file)


def test_recipes_are_laid_over_too(tmp_path):
    recipe = to_data(load_registry().recipe("finetune")) | {"summary": "ours", "seed": 7}
    file = write(tmp_path / "r.json", recipes=[recipe])
    registry = load_registry([file])
    assert registry.recipe("finetune").seed == 7
    assert registry.recipe_origins["finetune"] == str(file)
    assert registry.recipe_origins["linear-probe"] == "built-in"


def test_a_change_touches_its_fields_only_and_each_field_knows_its_origin(tmp_path):
    change = {"recipe": "linear-probe", "weights": {"license_url": "https://example.org"}}
    file = write(tmp_path / "r.json", changes={"resnet50": change})
    registry = load_registry([file])
    before, after = load_registry().backbone("resnet50"), registry.backbone("resnet50")
    assert after.recipe == "linear-probe"
    assert after.weights.license_url == "https://example.org"
    assert (after.weights.sha256, after.stages) == (before.weights.sha256, before.stages)
    assert registry.origin_of("resnet50", "recipe") == str(file)
    assert registry.origin_of("resnet50", "weights", "license_url") == str(file)
    assert registry.origin_of("resnet50", "weights", "sha256") == "built-in"
    assert registry.origin_of("resnet50", "stages") == "built-in"


def test_the_latest_change_counts_and_is_named(tmp_path):
    first = write(tmp_path / "1.json", changes={"resnet50": {"notes": "a", "recipe": "finetune"}})
    second = write(tmp_path / "2.json", changes={"resnet50": {"notes": "b"}})
    registry = load_registry([first, second])
    assert registry.backbone("resnet50").notes == "b"
    assert registry.origin_of("resnet50", "notes") == str(second)
    assert registry.origin_of("resnet50", "recipe") == str(first)


def test_wrong_changes_are_all_listed_with_their_places(tmp_path):
    changes = {
        "resnet5": {"notes": "x"},
        "resnet50": {"macs": "many", "surprise": 1},
        "resnet18": {"name": "other"},
    }
    with pytest.raises(BrokenRegistryError) as caught:
        load_registry([write(tmp_path / "r.json", changes=changes)])
    found = caught.value.mistakes
    assert any(m.startswith("$.changes.resnet5: no registry beneath") for m in found)
    assert any(m.startswith("$.changes.resnet50.macs: ") for m in found)
    assert "$.changes.resnet50.surprise: unknown key" in found
    assert any(m.startswith("$.changes.resnet18.name: ") for m in found)


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c"], ["c"]),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merging_follows_the_examples_of_rfc_7396(target, patch, result):
    assert merge(target, patch) == result


def test_a_missing_file_is_an_error_that_names_it():
    with pytest.raises(RegistryError, match=r"cannot read the registry nowhere\.json"):
        load_registry(["nowhere.json"])


def test_local_weights_are_looked_for_beside_the_registry_that_names_them(tmp_path):
    weights = {"source": "local", "location": "runs/a/model", "file": "model.safetensors"}
    file = write(tmp_path / "deep" / "r.json", backbones=[entry(weights=weights)])
    location = load_registry([file]).backbone("mine").weights.location
    assert location == str((tmp_path / "deep/runs/a/model").resolve())


def local(name: str, base: str) -> dict:
    weights = {"source": "local", "location": "x", "file": "model.safetensors", "base": [base]}
    return entry(name, weights=weights)


def test_lineage_follows_local_weights_to_their_root(tmp_path):
    file = write(tmp_path / "r.json", backbones=[local("b", "resnet18"), local("c", "b")])
    assert lineage(load_registry([file]), "c") == ("c", "b", "resnet18")


def test_a_change_cannot_close_a_circle_either(tmp_path):
    file = write(tmp_path / "r.json", backbones=[local("a", "b"), local("b", "resnet18")])
    change = write(tmp_path / "c.json", changes={"b": {"weights": {"base": ["a"]}}})
    load_registry([file])
    with pytest.raises(BrokenRegistryError, match=r"\$\.changes\.b\.weights\.base: .*b -> a -> b"):
        load_registry([file, change])


def test_a_renaming_change_hides_no_other_mistake(tmp_path):
    changes = {"resnet18": {"name": "other", "macs": 0}}
    with pytest.raises(BrokenRegistryError) as caught:
        load_registry([write(tmp_path / "r.json", changes=changes)])
    assert len(caught.value.mistakes) == 2


@pytest.mark.parametrize("entries", [[("a", "a")], [("a", "b"), ("b", "c"), ("c", "a")]])
def test_weights_fine_tuned_from_themselves_are_refused_with_the_circle(entries, tmp_path):
    file = write(tmp_path / "r.json", backbones=[local(*names) for names in entries])
    with pytest.raises(BrokenRegistryError) as caught:
        load_registry([file])
    assert any(
        "$.backbones[0].weights.base: a was fine-tuned from itself: a -> " in mistake
        for mistake in caught.value.mistakes
    )
