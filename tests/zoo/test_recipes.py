import json

import pytest

from zoo.errors import RegistryError
from zoo.recipes import DescendPhase, SolvePhase
from zoo.registry import load_registry, parse_registry, registry_path


def with_phase(**changes) -> str:
    """The registry with one field of `finetune`'s second phase changed."""
    content = json.loads(registry_path().read_text())
    recipe = next(r for r in content["recipes"] if r["name"] == "finetune")
    recipe["phases"][1] |= changes
    return json.dumps(content)


def test_a_probe_solves_and_finetuning_solves_then_descends():
    recipes = load_registry().recipes
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
    with pytest.raises(RegistryError, match=r"recipes\.\d\.phases\.1"):
        parse_registry(with_phase(**changes))


def test_stages_may_be_named():
    recipe = parse_registry(with_phase(train=["neck"])).recipe("finetune")
    assert recipe.phases[1].train == ("neck",)
