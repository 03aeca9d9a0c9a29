import json

import pytest

from zoo.errors import RegistryError
from zoo.recipes import DescendPhase, SolvePhase
from zoo.registry import parse_document
from zoo.registry.files import built_in_path, built_in_registry


def with_phase(**changes) -> str:
    """The registry with one field of `finetune`'s second phase changed."""
    content = json.loads(built_in_path().read_text()) | {"backbones": []}
    recipe = next(r for r in content["recipes"] if r["name"] == "finetune")
    recipe["phases"][1] |= changes
    return json.dumps(content)


def test_a_probe_solves_and_finetuning_solves_then_descends():
    recipes = built_in_registry().recipes
    assert [type(p) for p in recipes["linear-probe"].phases] == [SolvePhase]
    assert [type(p) for p in recipes["finetune"].phases] == [SolvePhase, DescendPhase]


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "magic"},
        {"epochs": 0},
        {"lr": -1},
        {"layer_decay": 1.5},
        {"warmup": 1},
        {"batch_norm": "thaw"},
        {"optimizer": "nadam?"},
        {"momentum": 0.5},
    ],
    ids=str,
)
def test_a_phase_out_of_range_is_refused_with_its_path(changes):
    with pytest.raises(RegistryError, match=r"\$\.recipes\[\d\]\.phases\[1\]"):
        parse_document(with_phase(**changes), origin="mine.json")


def test_stages_may_be_named():
    document = parse_document(with_phase(train=["neck"]), origin="mine.json")
    recipe = next(recipe for recipe in document.recipes if recipe.name == "finetune")
    assert recipe.phases[1].train == ("neck",)
