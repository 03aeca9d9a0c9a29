import json

from zoo.registry import load_registry


def test_the_table_has_every_backbone_with_size_score_and_licence(zoo):
    out = zoo("list").out
    assert all(name in out for name in load_registry().backbones)
    line = next(line for line in out.splitlines() if line.startswith("resnet50 "))
    assert all(fact in line for fact in ("25.6 M", "4.09", "80.9%", "torchvision", "bsd-3-clause"))


def test_names_are_filtered_by_text(zoo):
    names = [entry["name"] for entry in json.loads(zoo("list", "RESNET", "--format", "json").out)]
    assert set(names) == {"resnet18", "resnet50", "resnet18.a1_in1k", "resnet50.a1_in1k"}


def test_json_holds_whole_entries(zoo):
    entries = json.loads(zoo("list", "--format", "json").out)
    assert {entry["name"] for entry in entries} == set(load_registry().backbones)
    assert all(entry["weights"]["license"] for entry in entries)


def test_recipes_are_listed_on_request(zoo):
    out = zoo("list", "--recipes").out
    assert "linear-probe" in out
    assert "finetune" in out
    assert "resnet50" not in out
