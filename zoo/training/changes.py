"""What a user says of the recipe: which one, and single fields by name, wherever they belong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches
from typing import Any

from pydantic import TypeAdapter, ValidationError

from zoo.errors import RecipeError
from zoo.recipes import Augment, DescendPhase, HeadRecipe, Recipe
from zoo.registry import Backbone, Registry, list_mistakes
from zoo.training.accepted import say_accepted

_OF_DESCENT = frozenset(field.name for field in fields(DescendPhase)) - {"kind"}
_OF_AUGMENT = frozenset(field.name for field in fields(Augment))
_OF_HEAD = frozenset(field.name for field in fields(HeadRecipe))
_OF_RECIPE = frozenset(field.name for field in fields(Recipe)) - {
    *("name", "summary", "reference", "phases", "head", "augment"),
}
_NEED_DESCENT = (
    _OF_DESCENT
    | _OF_AUGMENT
    | _OF_HEAD
    | {
        *("batch_size", "accumulate", "last_batch", "sampling", "losses", "focal_gamma"),
        *("huber_delta", "label_smoothing", "target_weights", "weighting"),
    }
)
"""What means nothing to a recipe that only solves."""


def choose_recipe(wanted: str | Recipe | None, backbone: Backbone, registry: Registry) -> Recipe:
    """Find the recipe that a run starts from.

    Args:
        wanted: A name in the registry, a recipe made in Python, or None for the backbone's own.
        backbone: Whose recipe it is to be.
        registry: Where names are looked up.

    Raises:
        UnknownRecipeError: The registry has none of that name.
        RecipeError: The recipe made in Python is not right.
    """
    if isinstance(wanted, Recipe):
        return check_recipe(wanted)
    return registry.recipe(wanted or backbone.recipe)


def check_recipe(recipe: Recipe) -> Recipe:
    """Hold a recipe made in Python to all that one in a registry is held to.

    Raises:
        RecipeError: With every mistake in it.
    """
    try:
        return TypeAdapter(Recipe).validate_python(_content_of(recipe))
    except ValidationError as cause:
        listing = "\n".join(list_mistakes(cause))
        raise RecipeError(
            f"the recipe {recipe.name} is not right:\n{listing}",
            hint="docs/recipes.md lists the fields, their types and their ranges",
        ) from cause


def change_recipe(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """Replace fields of a recipe.

    Args:
        recipe: The registry's, or one that `check_recipe` let pass.
        changes: New values by field: of the recipe itself, its head, its augmentation, or its
            last phase of gradient descent.

    Raises:
        RecipeError: There is no such field, no phase that it could be of, or the value is
            impossible.
    """
    known = sorted(_OF_DESCENT | _OF_AUGMENT | _OF_HEAD | _OF_RECIPE)
    if unknown := sorted(set(changes).difference(known)):
        near = [match for name in unknown for match in get_close_matches(name, known, n=1)]
        guess = f"did you mean {', '.join(near)}? " if near else ""
        raise RecipeError(
            f"recipes have no field {', '.join(unknown)}",
            hint=f"{guess}docs/recipes.md lists all",
        )
    content = _content_of(recipe)
    descents = [phase for phase in content["phases"] if phase["kind"] == "descend"]
    homeless = sorted(_NEED_DESCENT & set(changes))
    if homeless and not descents:
        raise RecipeError(
            f"the recipe {recipe.name} has no phase of gradient descent to apply "
            f"{', '.join(map(flag_of, homeless))} to",
            hint="leave the option out, or choose --recipe finetune",
        )
    for name, value in changes.items():
        _place_of(name, content, descents)[name] = value
    try:
        return TypeAdapter(Recipe).validate_python(content)
    except ValidationError as cause:
        listing = "\n".join(list_mistakes(cause))
        places = {part for mistake in cause.errors() for part in mistake["loc"]}
        raise RecipeError(
            f"the recipe {recipe.name} cannot be changed so:\n{listing}",
            hint="; ".join(say_accepted(name) for name in changes if name in places),
        ) from cause


def flag_of(name: str) -> str:
    """Say how the command line calls a field."""
    return f"--{name.replace('_', '-')}"


def _content_of(recipe: Recipe) -> dict[str, Any]:
    """Write a recipe as a registry has it; what is wrong with it is for the reader to say."""
    content: dict[str, Any] = TypeAdapter(Recipe).dump_python(recipe, mode="json", warnings="none")
    return content


def _place_of(name: str, content: dict[str, Any], descents: list[dict[str, Any]]) -> dict[str, Any]:
    if name in _OF_DESCENT:
        return descents[-1]
    if name in _OF_AUGMENT:
        return _part(content, "augment")
    return _part(content, "head") if name in _OF_HEAD else content


def _part(content: dict[str, Any], name: str) -> dict[str, Any]:
    part: dict[str, Any] = content[name]
    return part
