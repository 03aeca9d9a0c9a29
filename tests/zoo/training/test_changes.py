from dataclasses import replace

import pytest

from zoo.errors import RecipeError, UnknownRecipeError
from zoo.recipes import DescendPhase, Recipe, TopStages
from zoo.registry.files import built_in_registry
from zoo.training.changes import change_recipe, check_recipe, choose_recipe, flag_of

RECIPES = built_in_registry().recipes
FINETUNE = RECIPES["finetune"]


def test_a_recipe_is_chosen_by_name_by_itself_or_by_the_backbone():
    registry = built_in_registry()
    backbone = registry.backbone("efficientnet_lite0")
    made = replace(FINETUNE, name="made", batch_size=3)
    assert choose_recipe("lora", backbone, registry) == RECIPES["lora"]
    assert choose_recipe(made, backbone, registry) == made
    assert choose_recipe(None, backbone, registry) == RECIPES[backbone.recipe]
    with pytest.raises(UnknownRecipeError, match="finetun"):
        choose_recipe("finetun", backbone, registry)


def test_every_mistake_in_a_recipe_made_in_python_is_named_at_once():
    phase = DescendPhase(train="all", epochs=0, lr=float("nan"), optimizer=7)
    made = Recipe(
        name="made", summary="", phases=[phase], batch_size="many", losses={"class": "hinge"}
    )
    with pytest.raises(RecipeError, match="the recipe made is not right") as caught:
        check_recipe(made)
    said = caught.value.problem
    for place in ("epochs", "lr", "optimizer"):
        assert f"$.phases[0].descend.{place}: " in said
    assert "$.batch_size: " in said
    assert "'cross-entropy', 'focal'" in said
    assert "docs/recipes.md" in caught.value.hint


@pytest.mark.parametrize(
    "phases", [(), "descend", ("descend",), ({"kind": "descend"},), (None,), None, 3]
)
def test_phases_that_are_none_are_a_clear_error(phases):
    with pytest.raises(RecipeError, match=r"the recipe made is not right:\n\$\.phases"):
        check_recipe(Recipe(name="made", summary="", phases=phases))


def test_lists_are_taken_for_tuples():
    phase = DescendPhase(train=["stage7", "neck"], epochs=1, lr=1e-3, step_at=[0.5])
    checked = check_recipe(Recipe(name="made", summary="", phases=[phase]))
    assert checked.phases == (replace(phase, train=("stage7", "neck"), step_at=(0.5,)),)


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
        assert f"{place} takes " in caught.value.hint


def test_only_fields_that_are_wrong_are_explained():
    with pytest.raises(RecipeError) as caught:
        change_recipe(FINETUNE, {"epochs": "abc", "lr": 0.1})
    assert caught.value.hint == "epochs takes a whole number >= 1"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_learning_rate_is_a_finite_number(value):
    with pytest.raises(RecipeError, match="lr"):
        change_recipe(FINETUNE, {"lr": value})


def test_flags_are_written_with_hyphens():
    assert flag_of("label_smoothing") == "--label-smoothing"
