"""What a user changes in a recipe: single fields by name, wherever in the recipe they belong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from pydantic import TypeAdapter, ValidationError

from zoo.errors import RecipeError
from zoo.recipes import Augment, DescendPhase, HeadRecipe, Recipe
from zoo.registry import list_mistakes

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


def change_recipe(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """Replace fields of a recipe.

    Args:
        recipe: The registry's.
        changes: New values by field: of the recipe itself, its head, its augmentation, or its
            last phase of gradient descent.

    Raises:
        RecipeError: There is no such field, no phase that it could be of, or the value is
            impossible.
    """
    if unknown := sorted(set(changes) - _OF_DESCENT - _OF_AUGMENT - _OF_HEAD - _OF_RECIPE):
        raise RecipeError(f"recipes have no field {', '.join(unknown)}", hint="see docs/recipes.md")
    content: dict[str, Any] = TypeAdapter(Recipe).dump_python(recipe, mode="json")
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
        raise RecipeError(f"the recipe {recipe.name} cannot be changed so:\n{listing}") from cause


def flag_of(name: str) -> str:
    """Say how the command line calls a field."""
    return f"--{name.replace('_', '-')}"


def _place_of(name: str, content: dict[str, Any], descents: list[dict[str, Any]]) -> dict[str, Any]:
    if name in _OF_DESCENT:
        return descents[-1]
    if name in _OF_AUGMENT:
        return _part(content, "augment")
    return _part(content, "head") if name in _OF_HEAD else content


def _part(content: dict[str, Any], name: str) -> dict[str, Any]:
    part: dict[str, Any] = content[name]
    return part
