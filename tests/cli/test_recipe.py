from dataclasses import replace

import pytest

from cli.recipe import describe_recipe
from zoo.recipes import (
    AfterFrozen,
    Augment,
    DescendPhase,
    HeadRecipe,
    Lora,
    Recipe,
    SolvePhase,
    TopStages,
)

DESCENT = DescendPhase(train="all", epochs=5, lr=5e-4)
PLAIN = Recipe(name="plain", summary="Nothing special", phases=(DESCENT,))


def facts(recipe: Recipe) -> dict[str, str]:
    """By name; what has none goes with the name before."""
    found: dict[str, str] = {}
    for name, text in describe_recipe(recipe):
        name = name or list(found)[-1]
        found[name] = f"{found[name]}\n{text}" if name in found else text
    return found


def phase(**changes) -> str:
    return facts(replace(PLAIN, phases=(replace(DESCENT, **changes),)))["phase 1"]


def test_a_plain_recipe_says_what_it_does_and_no_more():
    assert facts(PLAIN) == {
        "recipe": "plain\nNothing special",
        "phase 1": "train all stages for 5 epochs by adamw at a learning rate of 0.0005",
        "augment": "crop scale 35% to 100% of the area; flip 50%",
        "batch size": "32",
    }


@pytest.mark.parametrize(
    ("train", "text"),
    [
        ("head", "train the heads for"),
        (TopStages(top=1), "train the top stage for"),
        (TopStages(top=2), "train the top 2 stages for"),
        (AfterFrozen(freeze=1), "train all but the first stage for"),
        (AfterFrozen(freeze=3), "train all but the first 3 stages for"),
        (("stage4", "neck"), "train stage4, neck for"),
    ],
)
def test_what_trains_is_said_in_words(train, text):
    assert phase(train=train).startswith(text)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"epochs": 1}, "for 1 epoch by"),
        ({"max_steps": 2000}, "for 5 epochs or 2,000 steps by"),
        ({"gradual": True}, "for 5 epochs a stage, one more at a time from the top down, by"),
        ({"lora": Lora(rank=4)}, "lora rank 4, alpha 16, dropout 0"),
        ({"parameters": "biases"}, "parameters biases"),
        ({"schedule": "step", "step_at": (0.5, 0.75)}, "schedule step; step at 50%, 75%"),
        ({"warmup": 0.1}, "warmup 10% of the steps"),
        ({"ema": 0.999, "patience": 3}, "ema 0.999; patience 3"),
        ({"nesterov": False, "momentum": 0.5}, "momentum 0.5; nesterov no"),
        ({"batch_norm": "adapt", "clip_norm": 1.0}, "batch norm adapt; clip norm 1"),
        ({"head_lr": 0.001, "layer_decay": 0.8}, "head lr 0.001; layer decay 0.8"),
    ],
)
def test_what_a_phase_does_otherwise_than_usual_is_said(changes, text):
    assert text in phase(**changes)


def test_heads_are_solved_in_words():
    solve = SolvePhase(strengths=(0.1, 1.0), folds=4)
    found = facts(replace(PLAIN, phases=(solve, DESCENT)))
    assert found["phase 1"] == "solve the heads; L2 strength among 0.1, 1 by 4 folds"
    assert found["phase 2"].startswith("train all")


def test_a_recipe_that_only_solves_augments_nothing():
    found = facts(replace(PLAIN, phases=(SolvePhase(strengths=(1.0,)),)))
    assert set(found) == {"recipe", "phase 1"}


@pytest.mark.parametrize(
    ("changes", "name", "text"),
    [
        ({"head": HeadRecipe(hidden=(64, 8), dropout=0.5)}, "head", "hidden 64, 8; dropout 0.5"),
        ({"losses": {"class": "focal"}}, "losses", "class focal"),
        ({"target_weights": {"price": 0.5, "kind": 2.0}}, "target weights", "price 0.5, kind 2"),
        ({"crop_mode": "squash"}, "crop mode", "squash"),
        ({"accumulate": 4}, "accumulate", "4"),
        ({"weighting": "uncertainty"}, "weighting", "uncertainty"),
        ({"weights": "random"}, "weights", "random"),
        ({"seed": 7}, "seed", "7"),
    ],
)
def test_what_the_phases_share_is_said_where_it_is_not_the_usual(changes, name, text):
    assert name not in facts(PLAIN)
    assert facts(replace(PLAIN, **changes))[name] == text


@pytest.mark.parametrize(
    ("augment", "text"),
    [
        (Augment(crop_scale=None), "crop scale none; flip 50%"),
        (Augment(rotation=20, shift=0.2), "rotation up to 20°; shift up to 20% of the side"),
        (Augment(flip=0, grayscale=0.005), "flip 0%; grayscale 0.5%"),
        (Augment(mixup=0.2, crop_ratio=(0.5, 2)), "crop ratio 0.5 to 2; flip 50%; mixup 0.2"),
    ],
)
def test_augmentation_is_said_in_units(augment, text):
    assert text in facts(replace(PLAIN, augment=augment))["augment"]
