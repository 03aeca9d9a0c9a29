"""Everything that is wrong with a registry file, at once: layout, references, and networks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from zoo.backbones.measure import find_mistakes
from zoo.backbones.sources import is_here
from zoo.errors import BrokenRegistryError
from zoo.registry import Backbone, load_registry
from zoo.registry.document import json_path, objects_in
from zoo.registry.files import read_document


def check_file(path: Path, *, rebuild: bool = True) -> list[str]:
    """Check a registry file as it would lie over the others.

    Args:
        path: The file.
        rebuild: Build each network, without memory, and recompute what is claimed of it.

    Returns:
        Every mistake, with its JSON path; empty where there is none.

    Raises:
        RegistryError: The file cannot be read, is no JSON, or was written for another zoo.
    """
    mistakes: list[str] = []
    registry = load_registry()
    try:
        changes = read_document(path).changes
        registry = load_registry([path])
    except BrokenRegistryError as broken:
        mistakes += broken.mistakes
        changes = {}
    content = from_json(path.read_bytes())
    recipes = set(registry.recipes)
    recipes |= {recipe.get("name", "") for recipe in objects_in(content, "recipes")}
    entries = dict(_entries(content))
    entries |= {json_path(("changes", name)): registry.backbones[name] for name in changes}
    for place, entry in entries.items():
        mistakes += [f"{place}: {found}" for found in _references(entry, recipes, path.parent)]
        if rebuild:
            mistakes += [f"{place}: {found}" for found in find_mistakes(entry)]
    return mistakes


def _entries(content: Any) -> Iterator[tuple[str, Backbone]]:
    """Yield the entries that are well formed, with their places."""
    for at, data in enumerate(objects_in(content, "backbones")):
        try:
            entry = TypeAdapter(Backbone).validate_python(data)
        except ValidationError:
            continue
        yield f"{json_path(('backbones', at))} ({entry.name})", entry


def _references(entry: Backbone, recipes: set[str], folder: Path) -> Iterator[str]:
    if entry.recipe not in recipes:
        yield f"there is no recipe named {entry.recipe!r}"
    weights = entry.weights
    if weights.source == "local" and not Path(folder, weights.location, weights.file).exists():
        yield f"{weights.location} holds no {weights.file}"
    if weights.source == "package" and not is_here(weights):
        yield f"the package {weights.requirement} is not installed, or holds no {weights.file}"
