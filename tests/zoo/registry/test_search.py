from dataclasses import replace

import pytest

from zoo.errors import RegistryError
from zoo.registry import Result
from zoo.registry.files import built_in_registry
from zoo.registry.search import COLUMNS, Query, pareto_front, search, sort_by

BACKBONES = list(built_in_registry().backbones.values())


def names(**query) -> set[str]:
    return {entry.name for entry in search(BACKBONES, Query(**query))}


def test_every_word_must_appear_in_name_summary_family_or_notes():
    assert names(text="resnet 101") == {"resnet101"}
    assert "vit_small_patch14_dinov2.lvd142m" in names(text="without labels")
    assert names(text="no such thing") == set()


def test_limits_are_inclusive():
    entry = built_in_registry().backbone("resnet18")
    params, macs = entry.num_params, entry.macs
    inside = names(min_params=params, max_params=params, min_macs=macs, max_macs=macs)
    assert inside == {"resnet18", "resnet18.a1_in1k"}
    assert "resnet18" not in names(max_params=params - 1)
    assert "resnet18" not in names(min_macs=macs + 1)


@pytest.mark.parametrize("value", ["permissive", "non-commercial", "custom"])
def test_a_licence_is_found_by_what_it_allows(value):
    found = [e for e in BACKBONES if e.name in names(license=value)]
    assert found
    assert {e.weights.terms for e in found} == {value}


def test_a_licence_is_found_by_its_identifier():
    assert {e.weights.license for e in search(BACKBONES, Query(license="mit"))} == {"mit"}


def test_task_family_and_source_are_exact():
    assert names(family="eva", task="image-classification", source="hub") == {
        e.name for e in BACKBONES if e.family == "eva"
    }
    dino = names(task="image-feature-extraction")
    assert "vit_base_patch16_siglip_224.v2_webli" in dino
    assert "resnet50" not in dino


@pytest.mark.parametrize("field", ["task", "family", "license", "source"])
def test_a_value_that_no_entry_has_is_an_error_that_lists_the_known(field):
    with pytest.raises(RegistryError, match=f"no entry has the {field} 'x'") as caught:
        names(**{field: "x"})
    assert {"task": "image-", "family": "resnet", "license": "mit", "source": "hub"}[
        field
    ] in caught.value.hint


@pytest.mark.parametrize("column", list(COLUMNS))
@pytest.mark.parametrize("reverse", [False, True])
def test_sorting_keeps_all_and_puts_the_unknown_last(column, reverse):
    ordered = sort_by(BACKBONES, column, reverse=reverse)
    assert {e.name for e in ordered} == {e.name for e in BACKBONES}
    values = [COLUMNS[column](e) for e in ordered]
    known = [value for value in values if value is not None]
    assert known == sorted(known, reverse=reverse)
    assert values[: len(known)] == known


@pytest.mark.parametrize("cost", ["macs", "params"])
def test_nothing_beats_what_is_on_the_front_and_everything_else_is_beaten(cost):
    def price(e):
        return e.macs if cost == "macs" else e.num_params

    front = pareto_front(BACKBONES, cost)
    rated = [e for e in BACKBONES if e.top1 is not None]
    for entry in rated:
        beaten = any(
            (price(o) <= price(entry) and o.top1 > entry.top1)
            or (price(o) < price(entry) and o.top1 >= entry.top1)
            for o in rated
        )
        assert beaten != (entry in front), entry.name
    assert [price(e) for e in front] == sorted(price(e) for e in front)


def test_of_two_equals_one_is_on_the_front():
    one = built_in_registry().backbone("resnet18")
    other = replace(one, name="twin")
    assert len(pareto_front([one, other])) == 1


def test_a_score_on_another_data_set_does_not_count():
    figure = Result(dataset="elsewhere", metric="top1", value=0.99, source="us")
    entry = replace(built_in_registry().backbone("resnet18"), results=(figure,))
    assert pareto_front([entry]) == []
