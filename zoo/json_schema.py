"""JSON schemas generated from dataclasses, with what the docstrings under their fields say."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator
from dataclasses import is_dataclass
from itertools import pairwise
from typing import Any

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def to_text(schema: dict[str, Any]) -> str:
    """Write a schema as a committed file holds it."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def add_docstrings(schema: dict[str, Any], described: type) -> None:
    """Give each property the docstring that stands under its field, or under that of a base."""
    for base in reversed(described.__mro__):
        if is_dataclass(base):
            for name, text in _read_docstrings(base):
                if name in schema["properties"]:
                    schema["properties"][name]["description"] = text


def drop_titles(schema: Any) -> None:
    """Take away the properties' titles, which repeat their names."""
    if isinstance(schema, dict):
        if "properties" in schema:
            for value in schema["properties"].values():
                value.pop("title", None)
        for value in schema.values():
            drop_titles(value)
    elif isinstance(schema, list):
        for value in schema:
            drop_titles(value)


def _read_docstrings(described: type) -> Iterator[tuple[str, str]]:
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(described))).body
    assert isinstance(definition, ast.ClassDef)
    for field, below in pairwise(definition.body):
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            name = "$schema" if field.target.id == "schema" else field.target.id
            yield name, " ".join(str(below.value.value).split())
