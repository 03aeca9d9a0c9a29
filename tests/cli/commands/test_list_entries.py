import json
from pathlib import Path

import pytest
from PIL import Image

from cli.commands.list_entries import parse_count
from zoo.registry import load_registry, to_data


def listed(outcome) -> list[str]:
    return [entry["name"] for entry in json.loads(outcome.out)]


def test_the_table_has_every_backbone_with_size_score_and_licence(zoo):
    out = zoo("list").out
    assert all(name in out for name in load_registry().backbones)
    line = next(line for line in out.splitlines() if line.startswith("resnet50 "))
    assert all(fact in line for fact in ("25.6 M", "4.09", "80.9%", "torchvision", "bsd-3-clause"))


def test_non_commercial_weights_are_flagged_in_the_table(zoo):
    lines = zoo("list", "convnextv2_tiny").out.splitlines()
    assert "cc-by-nc-4.0 (non-commercial)" in lines[1]


def test_text_is_searched_in_names_and_summaries(zoo):
    names = listed(zoo("list", "RESNET 18", "--format", "json"))
    assert set(names) == {"resnet18", "resnet18.a1_in1k"}


def test_json_holds_whole_entries(zoo):
    entries = json.loads(zoo("list", "--format", "json").out)
    assert {entry["name"] for entry in entries} == set(load_registry().backbones)
    assert all(entry["weights"]["license"] for entry in entries)


def test_filters_are_combined(zoo):
    outcome = zoo(
        *("list", "--license", "permissive", "--source", "hub", "--max-params", "6M"),
        *("--max-macs", "0.3G", "--task", "image-classification", "--format", "json"),
    )
    entries = [load_registry().backbone(name) for name in listed(outcome)]
    assert entries
    for entry in entries:
        assert entry.weights.terms == "permissive"
        assert entry.weights.source == "hub"
        assert entry.num_params <= 6e6
        assert entry.macs <= 0.3e9
    assert f"{len(entries)} of {len(load_registry().backbones)} backbones" in outcome.err


def test_only_what_is_on_this_machine_is_listed_on_request(zoo, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    names = listed(zoo("list", "--here", "--source", "package", "--format", "json"))
    assert "efficientnet_lite0" in names
    assert listed(zoo("list", "--here", "--source", "torchvision", "--format", "json")) == []
    cached = tmp_path / "hub/checkpoints" / load_registry().backbone("resnet18").weights.file
    cached.parent.mkdir(parents=True)
    cached.touch()
    names = listed(zoo("list", "--here", "--source", "torchvision", "--format", "json"))
    assert names == ["resnet18"]


def test_any_column_sorts_both_ways(zoo):
    up = listed(zoo("list", "--sort", "params", "--format", "json"))
    down = listed(zoo("list", "--sort", "params", "--reverse", "--format", "json"))
    sizes = [load_registry().backbone(name).num_params for name in up]
    assert sizes == sorted(sizes)
    assert [load_registry().backbone(name).num_params for name in down] == sizes[::-1]


def test_the_front_is_listed_and_drawn(zoo):
    outcome = zoo("list", "--pareto", "--plot", "front.png", "--format", "json")
    names = listed(outcome)
    assert "mobilenet_v3_small" in names
    assert "vgg16" not in names
    assert "drawn in front.png" in outcome.err
    with Image.open("front.png") as picture:
        assert picture.size[0] > 1000


def test_an_svg_holds_the_names_of_the_front(zoo):
    names = listed(
        zoo("list", "--pareto", "--cost", "params", "--plot", "front.svg", "--format", "json")
    )
    drawn = Path("front.svg").read_text()
    assert drawn.startswith("<?xml")
    assert all(f">{name.split('.')[0]}" in drawn for name in names)


@pytest.mark.parametrize("arguments", [("--plot", "x.png"), ("--pareto", "--plot", "x.bmp")])
def test_a_plot_that_cannot_be_drawn_is_a_usage_error(zoo, arguments):
    outcome = zoo("list", *arguments)
    assert outcome.code == 2
    assert "--pareto" in outcome.err


def test_a_label_is_not_another_entrys_name(zoo):
    """efficientnet_b0.ra_in1k is on the front, and efficientnet_b0 another entry."""
    zoo("list", "--pareto", "--plot", "front.svg")
    assert ">efficientnet_b0.ra_in1k" in Path("front.svg").read_text()


def test_a_plot_where_none_can_be_is_an_error(zoo):
    Path("front.png").mkdir()
    outcome = zoo("list", "--pareto", "--plot", "front.png")
    assert outcome.code == 1
    assert "cannot write front.png" in outcome.err


def test_nothing_rated_is_said_and_not_drawn(zoo):
    outcome = zoo(
        *("list", "--pareto", "--task", "image-feature-extraction", "--plot", "front.png")
    )
    assert "published ImageNet top-1" in outcome.err
    assert not Path("front.png").exists()


def test_several_words_need_no_quotes(zoo):
    assert listed(zoo("list", "resnet", "101", "--format", "json")) == ["resnet101"]


def test_no_match_says_so_and_prints_no_empty_table(zoo):
    outcome = zoo("list", "nothing like that")
    assert outcome.out == ""
    assert "none of" in outcome.err
    assert outcome.code == 0


def test_an_unknown_licence_lists_the_known(zoo):
    outcome = zoo("list", "--license", "free")
    assert outcome.code == 1
    assert "permissive" in outcome.err


@pytest.mark.parametrize(
    ("text", "count"), [("25M", 25_000_000), ("1.5G", 1_500_000_000), ("300k", 300_000), ("7", 7)]
)
def test_counts_take_suffixes(text, count):
    assert parse_count(text) == count


def test_a_count_that_is_none_is_a_usage_error(zoo):
    outcome = zoo("list", "--max-params", "many")
    assert outcome.code == 2
    assert "write 25M" in outcome.err


def test_recipes_are_listed_with_their_reference(zoo):
    header, *lines = zoo("list", "--recipes").out.splitlines()
    assert header.split() == ["recipe", "summary", "reference"]
    assert [line.split()[0] for line in lines] == list(load_registry().recipes)
    (line,) = (line for line in lines if line.startswith("linear-probe "))
    assert line.endswith("arXiv:1610.01644")


def test_a_long_reference_is_cut_and_leaves_the_summary_its_room(zoo):
    recipe = to_data(load_registry().recipe("linear-probe"))
    recipe |= {"name": "ours", "reference": "A. Author, A very long title of a paper, 2016"}
    Path("zoo.registry.json").write_text(json.dumps({"version": 1, "recipes": [recipe]}))
    (line,) = (row for row in zoo("list", "--recipes").out.splitlines() if row.startswith("ours "))
    assert line.endswith("  A. Author, A very …")


def test_a_registry_of_ones_own_is_laid_over(zoo, tmp_path):
    entry = to_data(load_registry().backbone("resnet18")) | {"name": "ours"}
    file = tmp_path / "r.json"
    file.write_text(json.dumps({"version": 1, "backbones": [entry]}))
    assert "ours" in listed(zoo("list", "--registry", file, "--format", "json"))
    assert "ours" not in listed(zoo("list", "--format", "json"))
