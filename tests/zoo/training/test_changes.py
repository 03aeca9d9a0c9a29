from dataclasses import replace

import pytest

from zoo.errors import RecipeError
from zoo.recipes import DescendPhase, TopStages
from zoo.registry.files import built_in_registry
from zoo.training.changes import change_recipe, flag_of

RECIPES = built_in_registry().recipes
FINETUNE = RECIPES["finetune"]


def test_no_change_is_the_recipe_itself():
    for recipe in RECIPES.values():
        assert change_recipe(recipe, {}) == recipe


def test_a_field_is_changed_where_it_belongs_and_nowhere_else():
    changed = change_recipe(
        FINETUNE,
        {
            "epochs": 3,
            "train": {"top": 2},
            "mixup": 0.2,
            "dropout": 0.1,
            "batch_size": 7,
            "seed": 9,
            "target_weights": {"a": 2},
        },
    )
    expected = replace(
        FINETUNE,
        phases=(FINETUNE.phases[0], replace(FINETUNE.phases[1], epochs=3, train=TopStages(top=2))),
        augment=replace(FINETUNE.augment, mixup=0.2),
        head=replace(FINETUNE.head, dropout=0.1),
        batch_size=7,
        seed=9,
        target_weights={"a": 2.0},
    )
    assert changed == expected


def test_the_last_descent_is_the_one_that_changes():
    first = DescendPhase(train="head", epochs=1, lr=0.1)
    recipe = replace(FINETUNE, phases=(first, *FINETUNE.phases))
    phases = change_recipe(recipe, {"lr": 0.5}).phases
    assert (phases[0], phases[2].lr) == (first, 0.5)


@pytest.mark.parametrize(
    "changes",
    [
        {"epochs": 3},
        {"mixup": 0.2},
        {"batch_size": 4},
        {"accumulate": 2},
        {"sampling": "balanced"},
        {"last_batch": "keep"},
        {"lora": {"rank": 2}},
    ],
    ids=str,
)
def test_what_means_nothing_to_a_recipe_that_only_solves_is_refused(changes):
    (name,) = changes
    with pytest.raises(RecipeError, match="no phase of gradient descent") as caught:
        change_recipe(RECIPES["linear-probe"], changes)
    assert flag_of(name) in caught.value.problem
    assert "--recipe finetune" in caught.value.hint


def test_a_recipe_that_only_solves_takes_what_it_can_use():
    changed = change_recipe(RECIPES["linear-probe"], {"seed": 4, "class_weights": "balanced"})
    assert (changed.seed, changed.class_weights) == (4, "balanced")


def test_unknown_fields_are_named_together():
    with pytest.raises(RecipeError, match="no field lrate, warm_up") as caught:
        change_recipe(FINETUNE, {"warm_up": 1, "lr": 1.0, "lrate": 1})
    assert "docs/recipes.md" in caught.value.hint


@pytest.mark.parametrize("name", ["name", "phases", "kind", "head", "augment", "reference"])
def test_what_a_recipe_is_made_of_is_no_field_to_change(name):
    with pytest.raises(RecipeError, match=f"no field {name}"):
        change_recipe(FINETUNE, {name: "x"})


def test_impossible_values_are_told_together_with_their_places():
    with pytest.raises(RecipeError, match="finetune cannot be changed so") as caught:
        change_recipe(FINETUNE, {"lr": -1, "flip": 2, "schedule": "wavy"})
    for place in ("lr", "flip", "schedule"):
        assert place in caught.value.problem


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_learning_rate_is_a_finite_number(value):
    with pytest.raises(RecipeError, match="lr"):
        change_recipe(FINETUNE, {"lr": value})


def test_flags_are_written_with_hyphens():
    assert flag_of("label_smoothing") == "--label-smoothing"
