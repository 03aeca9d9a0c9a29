"""A registry file: its layout, and every mistake in one at once, with its JSON path."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, from_json

from zoo.errors import BrokenRegistryError, RegistryError
from zoo.inputs.contract import Preprocess
from zoo.recipes import Recipe
from zoo.registry.entries import Backbone, Result, Weights

VERSION = 1
"""Of the layout that this code reads and writes."""

Patch = dict[str, Any]
"""Fields of an entry, to be merged into it as RFC 7396 says: objects key by key, null
removes, everything else replaces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The layout of a registry file."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    schema: Annotated[str, Field(alias="$schema")] = ""
    """Where editors find the schema of this file."""
    version: int
    backbones: tuple[Backbone, ...] = ()
    recipes: tuple[Recipe, ...] = ()
    changes: dict[str, Patch] = field(default_factory=dict)
    """Changes to single fields of backbones that the registries beneath this one hold: name
    -> fields. `{"resnet50": {"recipe": "linear-probe"}}` changes nothing else."""


_DOCUMENT = TypeAdapter(Document)
_KEYS = [
    field.name
    for kind in (Document, Backbone, Weights, Preprocess, Result, Recipe)
    for field in fields(kind)
]


def parse_document(text: str | bytes, *, origin: str) -> Document:
    """Parse the JSON text of a registry. Pure: no file is touched.

    Raises:
        RegistryError: It breaks the schema or repeats a name; every mistake is listed with
            its JSON path.
    """
    try:
        document = _DOCUMENT.validate_json(without_mark(text), strict=True)
    except ValidationError as cause:
        raise _explain(text, origin, cause) from cause
    if document.version != VERSION:
        raise _wrong_version(origin, document.version)
    mistakes = [
        *_repeated("backbones", [entry.name for entry in document.backbones]),
        *_repeated("recipes", [recipe.name for recipe in document.recipes]),
    ]
    if mistakes:
        raise BrokenRegistryError(origin, mistakes)
    return document


def without_mark(text: str | bytes) -> str | bytes:
    """Remove the mark that some editors put at the beginning of a file."""
    if isinstance(text, bytes):
        return text.removeprefix(b"\xef\xbb\xbf")
    return text.removeprefix("\ufeff")


def list_mistakes(error: ValidationError, content: Any = None) -> list[str]:
    """Describe each mistake that pydantic found: JSON path, the entry's name, what is wrong."""
    return [
        f"{json_path(mistake['loc'])}{_name_of(content, mistake['loc'])}: {_reason(mistake)}"
        for mistake in error.errors(include_url=False)
    ]


def json_path(location: Iterable[int | str]) -> str:
    """Write a place in a JSON document as RFC 9535 does: `$.backbones[0].name`."""
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)


def _reason(mistake: ErrorDetails) -> str:
    if mistake["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        near = get_close_matches(str(mistake["loc"][-1]), _KEYS, n=1)
        return f"unknown key; did you mean {near[0]!r}?" if near else "unknown key"
    if mistake["type"] == "missing":
        return "is missing"
    reason = mistake["msg"].removeprefix("Value error, ")
    given = mistake["input"]
    return f"{reason}, not {given!r}" if isinstance(given, (str, int, float)) else reason


def _name_of(content: Any, location: tuple[int | str, ...]) -> str:
    """Name the entry that a mistake is in, where it has a name."""
    try:
        name = content[location[0]][location[1]]["name"]
    except (IndexError, KeyError, TypeError):
        return ""
    return f" ({name})"


def _explain(text: str | bytes, origin: str, cause: ValidationError) -> RegistryError:
    try:
        content = from_json(without_mark(text))
    except ValueError as syntax:
        problem = f"not JSON: {syntax}" if text.strip() else "empty"
        return RegistryError(
            f"{origin} is {problem}",
            hint='mend the file; the least that it holds is {"version": 1}',
        )
    version = content.get("version") if isinstance(content, dict) else None
    if isinstance(version, int) and version > VERSION:
        return _wrong_version(origin, version)
    mistakes = list_mistakes(cause, content)
    for kind in ("backbones", "recipes"):
        mistakes += _repeated(kind, [entry.get("name") for entry in objects_in(content, kind)])
    return BrokenRegistryError(origin, mistakes)


def objects_in(content: Any, kind: str) -> list[dict[str, Any]]:
    """List the objects under a key of a document that need not be well formed."""
    entries = content.get(kind) if isinstance(content, dict) else None
    if not isinstance(entries, list):
        return []
    return [entry if isinstance(entry, dict) else {} for entry in entries]


def _wrong_version(origin: str, version: int) -> RegistryError:
    if version > VERSION:
        return RegistryError(
            f"{origin} has registry version {version}; this zoo reads version {VERSION}",
            hint="it was written for a newer zoo: pip install --upgrade finezoo",
        )
    return RegistryError(f"{origin} has registry version {version}, which never existed")


def _repeated(kind: str, names: Sequence[object]) -> list[str]:
    """List where a name is given again; what is no text is another mistake."""
    first: dict[str, int] = {}
    return [
        f"$.{kind}[{at}].name: {name!r} is already the name of $.{kind}[{before}]"
        for at, name in enumerate(names)
        if isinstance(name, str) and (before := first.setdefault(name, at)) != at
    ]
