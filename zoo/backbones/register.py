"""A fine-tuned model as an entry of somebody's own registry, a backbone for the next."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from zoo.backbones.folder_entries import describe_folder
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
        registry: The file; the model's place is written relative to it where that is shorter.
        overwrite: Replace an entry of that name in the file.

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
    entry = describe_folder(folder).backbone
    content: dict[str, Any] = {"version": VERSION}
    if registry.exists():
        read_document(registry)
        content = read_json(registry)
    entries = content.setdefault("backbones", [])
    names = [other["name"] for other in entries]
    if name in names and not overwrite:
        raise RegistryError(
            f"{registry} already has an entry named {name!r}",
            hint="choose another --name, or replace it with --overwrite",
        )
    place = _as_written(Path(entry.weights.location), registry.resolve().parent)
    entry = replace(entry, name=name, weights=replace(entry.weights, location=place))
    around = load_registry([registry] if registry.exists() else [])
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
    """Name a model folder relative to the registry where it lies below it."""
    return str(model.relative_to(beside) if model.is_relative_to(beside) else model)
