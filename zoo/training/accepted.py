"""What a field of a recipe takes, in words that come from its type."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from zoo.recipes import Augment, DescendPhase, HeadRecipe, Recipe

_Schema = Mapping[str, Any]

_BOUNDS: Mapping[str, str] = {
    "minimum": ">=",
    "exclusiveMinimum": ">",
    "maximum": "<=",
    "exclusiveMaximum": "<",
}
"""How JSON schema's bounds are written."""

_PLAIN: Mapping[str, str] = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "string": "a name",
    "null": "null",
}
"""How its types are said."""


def say_accepted(name: str) -> str:
    """Say what a field takes, such as `epochs takes a whole number >= 1`.

    Args:
        name: A field of a recipe, of its phases of gradient descent, its head or its augmentation.
    """
    for schema in _schemas():
        if name in schema["properties"]:
            words = _in_words(schema["properties"][name], schema.get("$defs", {}))
            return f"{name} takes {words}"
    raise KeyError(name)


@cache
def _schemas() -> tuple[_Schema, ...]:
    return tuple(
        TypeAdapter(each).json_schema() for each in (DescendPhase, Augment, HeadRecipe, Recipe)
    )


def _in_words(schema: _Schema, definitions: Mapping[str, _Schema]) -> str:
    match schema:
        case {"$ref": str(name)}:
            return _in_words(definitions[name.rpartition("/")[2]], definitions)
        case {"anyOf": list(kinds)}:
            return " or ".join(_in_words(kind, definitions) for kind in kinds)
        case {"const": word}:
            return str(word)
        case {"enum": list(words)}:
            return " or ".join(map(str, words))
        case {"prefixItems": list(parts)}:
            return f"[{', '.join(_in_words(part, definitions) for part in parts)}]"
        case {"type": "array", "items": dict(each)}:
            return f"a list [{_in_words(each, definitions)}, …]"
        case {"additionalProperties": dict(each)}:
            return f'{{"…": {_in_words(each, definitions)}, …}}'
        case {"properties": dict(fields)}:
            inner = (f'"{name}": {_in_words(each, definitions)}' for name, each in fields.items())
            return f"{{{', '.join(inner)}}}"
    bounds = [f"{sign} {schema[key]:g}" for key, sign in _BOUNDS.items() if key in schema]
    return " ".join(filter(None, (_PLAIN[schema["type"]], " and ".join(bounds))))
