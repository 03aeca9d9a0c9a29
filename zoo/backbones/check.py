"""Everything that is wrong with a registry file, at once: layout, references, and networks."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Container, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json
from torchvision.models import get_weight

from zoo.backbones.claims import Mistake, find_mistakes
from zoo.backbones.sources import is_here, is_unsafe
from zoo.errors import BrokenRegistryError
from zoo.registry import Backbone, Document, Layer, Registry, lay_over
from zoo.registry.document import VERSION, json_path, objects_in, without_mark
from zoo.registry.files import layers_beneath, read_document


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
    beneath = layers_beneath(path)
    mistakes: list[str] = []
    try:
        document = read_document(path)
    except BrokenRegistryError as broken:
        mistakes += broken.mistakes
        document = None
    text = path.read_bytes()
    mistakes += _repeated_keys(text)
    content = from_json(without_mark(text))
    layer = Layer(
        origin=str(path), document=document or _rest(content), folder=path.resolve().parent
    )
    registry = lay_over(beneath)
    try:
        registry = lay_over([*beneath, layer])
    except BrokenRegistryError as broken:
        mistakes += broken.mistakes
    recipes = {*registry.recipes, *(str(r.get("name")) for r in objects_in(content, "recipes"))}
    for place, entry in _entries(content, layer.document, registry):
        found = list(_references(entry, recipes, path.parent))
        found += find_mistakes(entry) if rebuild else []
        mistakes += [f"{place}.{m.field} ({entry.name}): {m.text}" for m in found]
    return mistakes


def _rest(content: Any) -> Document:
    """Keep what is well formed of a broken file, so that it can be checked further."""
    changes = content.get("changes") if isinstance(content, dict) else None
    named = {entry.name: entry for _, entry in _well_formed(content)}
    return Document(
        version=VERSION,
        backbones=tuple(named.values()),
        changes={
            name: patch
            for name, patch in (changes if isinstance(changes, dict) else {}).items()
            if isinstance(patch, dict)
        },
    )


def _entries(
    content: Any, document: Document, registry: Registry
) -> Iterator[tuple[str, Backbone]]:
    """Yield what the file says of whole backbones, with the places."""
    for at, entry in _well_formed(content):
        yield json_path(("backbones", at)), entry
    for name in document.changes:
        if name in registry.backbones and registry.changes.get(name):
            yield json_path(("changes", name)), registry.backbones[name]


def _well_formed(content: Any) -> Iterator[tuple[int, Backbone]]:
    for at, data in enumerate(objects_in(content, "backbones")):
        with suppress(ValidationError):
            yield at, TypeAdapter(Backbone).validate_json(json.dumps(data), strict=True)


def _repeated_keys(text: bytes) -> list[str]:
    """List keys that one object gives twice; JSON readers take the last without a word."""
    repeated: list[str] = []

    def check(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        counts = Counter(key for key, _ in pairs)
        repeated.extend(
            f"the key {key!r} is given {count} times in one object"
            for key, count in counts.items()
            if count > 1
        )
        return dict(pairs)

    json.loads(without_mark(text), object_pairs_hook=check)
    return repeated


def _references(entry: Backbone, recipes: Container[str], folder: Path) -> Iterator[Mistake]:
    weights = entry.weights
    if entry.recipe not in recipes:
        yield Mistake("recipe", f"there is no recipe named {entry.recipe!r}")
    if weights.source == "local" and not Path(folder, weights.location, weights.file).exists():
        yield Mistake("weights.location", f"{weights.location} holds no {weights.file}")
    if weights.source == "package" and not is_here(weights):
        text = f"the package {weights.requirement} is not installed, or holds no {weights.file}"
        yield Mistake("weights.location", text)
    if is_unsafe(weights):
        text = "is needed, all 64 digits, for weights that are no safetensors"
        yield Mistake("weights.sha256", text)
    if weights.source == "torchvision":
        try:
            get_weight(weights.location)
        except (KeyError, ValueError):
            text = f"torchvision has no weights called {weights.location}"
            yield Mistake("weights.location", text)
