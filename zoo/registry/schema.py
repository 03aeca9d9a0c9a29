"""The JSON schema of a registry file, generated from the code that reads it."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from zoo.inputs.contract import Preprocess
from zoo.json_schema import DIALECT, add_docstrings, drop_titles, to_text
from zoo.recipes import Augment, DescendPhase, Recipe, SolvePhase
from zoo.registry.document import VERSION, Document
from zoo.registry.entries import Backbone, Result, Weights

__all__ = ["committed_path", "generate", "to_text"]

_DESCRIBED = (
    *(Augment, Backbone, DescendPhase, Document, Preprocess),
    *(Recipe, Result, SolvePhase, Weights),
)


def committed_path() -> Path:
    """Find the schema that comes with zoo."""
    return Path(__file__).with_name("schema.json")


def generate() -> dict[str, Any]:
    """Generate the schema; field docstrings become what editors show."""
    schema = TypeAdapter(Document).json_schema(by_alias=True)
    drop_titles(schema)
    definitions = schema["$defs"]
    for described in _DESCRIBED:
        add_docstrings(definitions.get(described.__name__, schema), described)
    changes = schema["properties"]["changes"]
    changes["additionalProperties"] = _optional(definitions["Backbone"], definitions)
    schema["properties"]["version"] = {"const": VERSION, "title": "Version", "type": "integer"}
    return {"$schema": DIALECT, **schema, "title": "zoo registry"}


def _optional(entry: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Derive from an entry's schema that of a change to it: nothing is required."""
    changed = _loosened(entry)
    changed["description"] = "Fields to change; what is left out stays, null resets."
    changed["properties"].pop("name")
    for name, value in changed["properties"].items():
        target = value.get("$ref", "").removeprefix("#/$defs/")
        if target in definitions and definitions[target].get("type") == "object":
            changed["properties"][name] = _loosened(definitions[target])
    return changed


def _loosened(schema: dict[str, Any]) -> dict[str, Any]:
    """Require nothing, and allow null for what has a default to go back to."""
    loose = deepcopy(schema)
    required = loose.pop("required", [])
    for name, value in loose["properties"].items():
        if name not in required and "anyOf" not in value:
            about = {"description": value.pop("description")} if "description" in value else {}
            loose["properties"][name] = {"anyOf": [value, {"type": "null"}], **about}
    return loose
