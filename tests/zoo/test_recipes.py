import json

import pytest

from zoo.errors import RegistryError
from zoo.recipes import DescendPhase, SolvePhase
from zoo.registry import parse_document
from zoo.registry.files import built_in_path, built_in_registry

RECIPES = built_in_registry().recipes


def with_recipe(**changes) -> str:
    """The registry with fields of `finetune` changed."""
    content = json.loads(built_in_path().read_text()) | {"backbones": []}
    recipe = next(r for r in content["recipes"] if r["name"] == "finetune")
    recipe |= changes
    return json.dumps(content)


def with_phase(**changes) -> str:
    """The registry with fields of `finetune`'s second phase changed."""
    content = json.loads(built_in_path().read_text())
    recipe = next(r for r in content["recipes"] if r["name"] == "finetune")
    return with_recipe(phases=[recipe["phases"][0], recipe["phases"][1] | changes])


def finetune_of(text: str):
    document = parse_document(text, origin="mine.json")
    return next(recipe for recipe in document.recipes if recipe.name == "finetune")


def test_the_recipes_of_the_registry_are_those_that_are_documented():
    assert list(RECIPES) == [
        "linear-probe",
        "feature-extraction",
        "vgg-classic",
        "finetune",
        "finetune-few",
        "finetune-all",
        "top-stages",
        "gradual-unfreeze",
        "discriminative",
        "bitfit",
        "norm-only",
        "lora",
        "from-scratch",
    ]


def test_a_probe_solves_and_finetuning_solves_then_descends():
    assert [type(p) for p in RECIPES["linear-probe"].phases] == [SolvePhase]
    assert [type(p) for p in RECIPES["finetune"].phases] == [SolvePhase, DescendPhase]


@pytest.mark.parametrize("recipe", list(RECIPES.values()), ids=lambda recipe: recipe.name)
def test_every_recipe_says_what_it_does_and_where_it_comes_from(recipe):
    assert 20 < len(recipe.summary) < 120
    assert recipe.reference.startswith("arXiv:") or "Chollet" in recipe.reference


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "magic"},
        {"epochs": 0},
        {"max_steps": 0},
        {"lr": -1},
        {"head_lr": 0},
        {"layer_decay": 1.5},
        {"warmup": 1},
        {"batch_norm": "thaw"},
        {"optimizer": 3},
        {"momentum": 1},
        {"schedule": "wavy"},
        {"step_at": [0.5, 1.5]},
        {"clip_norm": 0},
        {"ema": 1},
        {"patience": 0},
        {"lora": {"rank": 0}},
        {"lora": {"alpha": 0}},
        {"lora": {"ranks": 4}},
        {"parameters": "weights"},
        {"train": {"top": 0}},
        {"train": {"freeze": 2, "top": 2}},
        {"train": "everything"},
        {"momentums": 0.5},
    ],
    ids=str,
)
def test_a_phase_out_of_range_is_refused_with_its_path(changes):
    with pytest.raises(RegistryError, match=r"\$\.recipes\[\d\]\.phases\[1\]"):
        parse_document(with_phase(**changes), origin="mine.json")


@pytest.mark.parametrize(
    "changes",
    [
        {"phases": []},
        {"batch_size": 0},
        {"accumulate": 0},
        {"label_smoothing": 1},
        {"class_weights": "rare"},
        {"sampling": "odd"},
        {"weights": "some"},
        {"losses": {"class": "hinge"}},
        {"losses": {"tags": "cross-entropy"}},
        {"target_weights": {"a": -1}},
        {"weighting": "learnt"},
        {"last_batch": "pad"},
        {"crop_mode": "pad"},
        {"focal_gamma": -1},
        {"augment": {"flip": 2}},
        {"augment": {"crop_scale": [0, 1]}},
        {"augment": {"hue": 0.6}},
        {"augment": {"mixup": -0.1}},
        {"augment": {"fill": "black"}},
        {"head": {"hidden": [0]}},
        {"head": {"dropout": 1}},
        {"head": {"features": "all"}},
        {"head": {"init": "zeros"}},
        {"ema": 0.9},
    ],
    ids=str,
)
def test_a_recipe_out_of_range_is_refused_with_its_path(changes):
    with pytest.raises(RegistryError, match=r"\$\.recipes\[\d\]"):
        parse_document(with_recipe(**changes), origin="mine.json")


@pytest.mark.parametrize("number", ["NaN", "Infinity"])
def test_numbers_are_finite(number):
    with pytest.raises(RegistryError, match="lr"):
        parse_document(with_phase(lr=float(number)), origin="mine.json")


def test_stages_may_be_named():
    assert finetune_of(with_phase(train=["neck"])).phases[1].train == ("neck",)


def test_what_a_recipe_does_not_say_has_its_default():
    recipe = finetune_of(with_recipe(head={}, augment={}, losses={}))
    assert (recipe.head.hidden, recipe.head.features, recipe.head.init) == ((), "pooled", "torch")
    assert (recipe.accumulate, recipe.last_batch, recipe.weighting) == (1, "drop", "fixed")
