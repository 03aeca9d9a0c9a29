"""The catalogue that users browse: several registry files laid over each other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from zoo.errors import BrokenRegistryError, RegistryError, UnknownBackboneError, UnknownRecipeError
from zoo.recipes import Recipe
from zoo.registry.document import Document, Patch, json_path, list_mistakes
from zoo.registry.entries import Backbone, to_data


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One registry file and where it came from."""

    origin: str
    """As users see it: `built-in`, a path, or a Hub repository with its commit."""
    document: Document
    folder: Path | None = None
    """What the locations of `local` weights are relative to."""


@dataclass(frozen=True, slots=True)
class FoundBackbone:
    """What a name turned out to mean."""

    backbone: Backbone
    reference: str
    """What names it from anywhere: an entry's name, a name with its prefix, or a path."""
    origin: str
    """Where its facts come from."""
    assumptions: tuple[str, ...] = ()
    """What nobody stated and zoo took to be so."""


@dataclass(frozen=True, slots=True)
class Change:
    """A layer that changed fields of an entry beneath it."""

    origin: str
    patch: Patch


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Backbones and recipes by name, in the files' order, with where each came from."""

    backbones: dict[str, Backbone]
    recipes: dict[str, Recipe]
    origins: dict[str, str] = field(default_factory=dict)
    """Of the backbones: name -> origin of the layer that holds the whole entry."""
    changes: dict[str, tuple[Change, ...]] = field(default_factory=dict)
    """What later layers changed, in their order."""
    recipe_origins: dict[str, str] = field(default_factory=dict)

    def backbone(self, name: str) -> Backbone:
        """Look a backbone up.

        Raises:
            UnknownBackboneError: There is none of that name; the hint has the nearest one.
        """
        if name not in self.backbones:
            raise UnknownBackboneError(name, self.backbones)
        return self.backbones[name]

    def recipe(self, name: str) -> Recipe:
        """Look a recipe up.

        Raises:
            UnknownRecipeError: There is none of that name; the hint has the nearest one.
        """
        if name not in self.recipes:
            raise UnknownRecipeError(name, self.recipes)
        return self.recipes[name]

    def origin_of(self, name: str, *path: str) -> str:
        """Tell which layer a field of a backbone came from.

        Args:
            name: Of the backbone.
            path: Keys down to the field: `("weights", "license")`.
        """
        for change in reversed(self.changes.get(name, ())):
            if _touches(change.patch, path):
                return change.origin
        return self.origins[name]


def lay_over(layers: Sequence[Layer]) -> Registry:
    """Combine layers; an entry replaces one of its name in the layers before.

    Raises:
        RegistryError: A layer changes what is not there or into something impossible, or
            weights were fine-tuned from themselves; every mistake of a layer is listed.
    """
    registry = Registry(backbones={}, recipes={})
    for layer in layers:
        for entry in layer.document.backbones:
            registry.backbones[entry.name] = _located(entry, layer.folder)
            registry.origins[entry.name] = layer.origin
            registry.changes.pop(entry.name, None)
        for recipe in layer.document.recipes:
            registry.recipes[recipe.name] = recipe
            registry.recipe_origins[recipe.name] = layer.origin
        mistakes = [*_apply_changes(registry, layer), *_cycles(registry, layer)]
        if mistakes:
            raise BrokenRegistryError(layer.origin, mistakes)
    return registry


def lineage(registry: Registry, name: str) -> tuple[str, ...]:
    """Follow `local` weights to what they were fine-tuned from: names, the newest first.

    Raises:
        RegistryError: The chain comes back to where it has been.
    """
    chain = [name]
    while (entry := registry.backbones.get(chain[-1])) and entry.weights.base:
        for base in entry.weights.base:
            chain.append(base)
            if base in chain[:-1]:
                raise RegistryError(
                    f"{name} was fine-tuned from itself: {' -> '.join(chain)}",
                    hint="give the newest of them another name, or mend its `base`",
                )
    return tuple(chain)


def _located(entry: Backbone, folder: Path | None) -> Backbone:
    """Resolve where `local` weights lie."""
    weights = entry.weights
    if weights.source != "local" or folder is None:
        return entry
    location = str((folder / Path(weights.location).expanduser()).resolve())
    return replace(entry, weights=replace(weights, location=location))


def _apply_changes(registry: Registry, layer: Layer) -> Iterator[str]:
    for name, patch in layer.document.changes.items():
        place = json_path(("changes", name))
        if name not in registry.backbones:
            yield f"{place}: no registry beneath holds a backbone of that name"
        else:
            if patch.get("name", name) != name:
                yield f"{place}.name: an entry cannot change its name; add a new one"
            merged = merge(to_data(registry.backbones[name]), patch) | {"name": name}
            try:
                changed = TypeAdapter(Backbone).validate_json(json.dumps(merged), strict=True)
            except ValidationError as cause:
                yield from (place + mistake.removeprefix("$") for mistake in list_mistakes(cause))
                continue
            registry.backbones[name] = _located(changed, layer.folder)
            change = Change(layer.origin, patch)
            registry.changes[name] = (*registry.changes.get(name, ()), change)


def _cycles(registry: Registry, layer: Layer) -> Iterator[str]:
    document = layer.document
    places = {
        entry.name: json_path(("backbones", at)) for at, entry in enumerate(document.backbones)
    }
    places |= {name: json_path(("changes", name)) for name in document.changes}
    for name, place in places.items():
        entry = registry.backbones.get(name)
        if entry is not None and entry.weights.base:
            try:
                lineage(registry, name)
            except RegistryError as cause:
                yield f"{place}.weights.base: {cause.problem}"


def merge(target: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7396)."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def _touches(patch: Any, path: Sequence[str]) -> bool:
    for key in path:
        if not isinstance(patch, Mapping):
            return True
        if key not in patch:
            return False
        patch = patch[key]
    return True
