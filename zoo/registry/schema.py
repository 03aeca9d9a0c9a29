"""The JSON schema of a registry file, generated from the code that reads it."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from zoo.inputs.contract import Preprocess
from zoo.recipes import Augment, DescendPhase, Recipe, SolvePhase
from zoo.registry.document import VERSION, Document
from zoo.registry.entries import Backbone, Result, Weights

_DESCRIBED = (
    *(Augment, Backbone, DescendPhase, Document, Preprocess),
    *(Recipe, Result, SolvePhase, Weights),
)
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def committed_path() -> Path:
    """Find the schema that comes with zoo."""
    return Path(__file__).with_name("schema.json")


def generate() -> dict[str, Any]:
    """Generate the schema; field docstrings become what editors show."""
    schema = TypeAdapter(Document).json_schema(by_alias=True)
    _drop_titles(schema)
    definitions = schema["$defs"]
    for described in _DESCRIBED:
        _add_docstrings(definitions.get(described.__name__, schema), described)
    changes = schema["properties"]["changes"]
    changes["additionalProperties"] = _optional(definitions["Backbone"], definitions)
    schema["properties"]["version"] = {"const": VERSION, "title": "Version", "type": "integer"}
    return {"$schema": DIALECT, **schema, "title": "zoo registry"}


def to_text(schema: dict[str, Any]) -> str:
    """Write the schema as the committed file holds it."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


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


def _add_docstrings(schema: dict[str, Any], described: type) -> None:
    """Give each property the docstring that stands under its field."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(described))).body
    assert isinstance(definition, ast.ClassDef)
    for field, below in pairwise(definition.body):
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            name = "$schema" if field.target.id == "schema" else field.target.id
            text = " ".join(str(below.value.value).split())
            schema["properties"][name]["description"] = text


def _drop_titles(schema: Any) -> None:
    """Take away the properties' titles, which repeat their names."""
    if isinstance(schema, dict):
        if "properties" in schema:
            for value in schema["properties"].values():
                value.pop("title", None)
        for value in schema.values():
            _drop_titles(value)
    elif isinstance(schema, list):
        for value in schema:
            _drop_titles(value)
