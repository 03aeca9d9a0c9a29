from dataclasses import fields

import pytest

from zoo.recipes import Augment, DescendPhase, HeadRecipe, Recipe
from zoo.training.accepted import say_accepted

FIELDS = [
    *(f.name for kind in (Augment, HeadRecipe, DescendPhase) for f in fields(kind)),
    *(f.name for f in fields(Recipe) if f.name not in ("phases", "head", "augment")),
]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("epochs", "a whole number >= 1"),
        ("lr", "a number > 0"),
        ("warmup", "a number >= 0 and < 1"),
        ("nesterov", "true or false"),
        ("fill", "nearest or reflect or mean"),
        ("max_steps", "a whole number >= 1 or null"),
        ("crop_scale", "[a number > 0, a number > 0] or null"),
        ("hidden", "a list [a whole number >= 1, …]"),
        ("target_weights", '{"…": a number >= 0, …}'),
        (
            "train",
            'head or all or {"top": a whole number >= 1} or {"freeze": a whole number >= 1} or '
            "a list [a name, …]",
        ),
    ],
)
def test_what_a_field_takes_is_said_in_words(name, words):
    assert say_accepted(name) == f"{name} takes {words}"


@pytest.mark.parametrize("name", FIELDS)
def test_it_is_known_of_every_field(name):
    assert len(say_accepted(name)) > len(f"{name} takes ")


def test_there_is_nothing_to_say_of_another_name():
    with pytest.raises(KeyError, match="wings"):
        say_accepted("wings")
