"""A fine-tuned model as an entry of somebody's own registry, a backbone for the next."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from filelock import FileLock
from pydantic import TypeAdapter, ValidationError

from zoo.backbones.entries.folder import describe_folder
from zoo.errors import RegistryError
from zoo.registry import Backbone, lineage, load_registry, to_data
from zoo.registry.document import VERSION
from zoo.registry.entries import Name
from zoo.registry.files import read_document
from zoo.storage import read_json, write_json


def register(folder: Path, name: str, registry: Path, *, overwrite: bool = False) -> Backbone:
    """Add a model to a registry file, which is made if there is none.

    Args:
        folder: A run folder or a model folder.
        name: What the model shall be called from now on.
        registry: The file; the model's place is written relative to it where both lie in the
            working folder.
        overwrite: Replace an entry of that name in the file.

    Returns:
        The entry as it was written.

    Raises:
        RegistryError: The file is wrong, has that name already, or the model would have been
            fine-tuned from itself; the file is as it was.
        RunError: The folder holds no finished model.
    """
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError as cause:
        raise RegistryError(
            f"{name!r} cannot be the name of an entry",
            hint="begin with a letter or a digit; then also . _ + and - are allowed",
        ) from cause
    found = describe_folder(folder)
    assumed = "; ".join(f"assumed {assumption}" for assumption in found.assumptions)
    entry = replace(found.backbone, notes=assumed)
    registry = registry.resolve()
    registry.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(registry.with_name(f".{registry.name}.turn")):
        return _add(entry, name, registry, overwrite=overwrite)


def _add(entry: Backbone, name: str, registry: Path, *, overwrite: bool) -> Backbone:
    content: dict[str, Any] = {"version": VERSION}
    if registry.exists():
        read_document(registry)
        content = read_json(registry)
    entries = content.setdefault("backbones", [])
    names = [other["name"] for other in entries]
    around = load_registry([registry] if registry.exists() else [])
    if name in around.recipes:
        raise RegistryError(f"{name!r} is the name of a recipe", hint="choose another --name")
    if name in around.backbones and not overwrite:
        raise RegistryError(
            f"{around.origins[name]} already has an entry named {name!r}",
            hint="choose another --name, or replace or hide it with --overwrite",
        )
    place = _as_written(Path(entry.weights.location), registry.parent)
    entry = replace(entry, name=name, weights=replace(entry.weights, location=place))
    lineage(replace(around, backbones={**around.backbones, name: entry}), name)
    data = to_data(entry)
    data["weights"] = {key: value for key, value in data["weights"].items() if value is not None}
    if name in names:
        entries[names.index(name)] = data
    else:
        entries.append(data)
    write_json(registry, content)
    return entry


def _as_written(model: Path, beside: Path) -> str:
    """Name a model folder relative to the registry where both lie in the working folder."""
    here = Path.cwd().resolve()
    if model.is_relative_to(here) and beside.is_relative_to(here):
        return Path(os.path.relpath(model, beside)).as_posix()
    return model.as_posix()
