"""What a graph must not tell: where, by whom, from which lines and when it was made."""

from __future__ import annotations

import getpass
import re
from collections.abc import Iterator
from contextlib import suppress

import onnx
from google.protobuf.message import Message

_PATH = re.compile(r"(?<![\w.])(/[\w.-]+){2,}|[A-Za-z]:\\|\.py\b(?!\.)")
"""An absolute path of either kind, or a source file. What a network calls its parts may hold
`.py.`, but no slash: `export.exporters` sees to that."""
_TIME = re.compile(r"\b20\d\d-[01]\d-[0-3]\d[T _][0-2]\d[:_-]?[0-5]\d")
"""A time stamp; a date alone may be part of a version."""
_OURS = "zoo."
"""What the keys of our own metadata begin with."""
_USERS_WORDS = frozenset(("zoo.labels", "zoo.targets", "zoo.calibration", "zoo.answers"))
"""Metadata that hold names of targets and classes, which may look like anything. Level 0 compares
them with the model folder's, so that nothing else hides there."""
_CONTENT = frozenset(("raw_data", "string_data"))
"""Fields that hold numbers."""
_SHORTEST_USER = 3
"""Letters. A shorter name is found everywhere."""


def find_leaks(proto: onnx.ModelProto) -> Iterator[str]:
    """Find paths, source lines and time stamps in any text of a graph, and its maker in notes.

    The maker's name is not looked for in names: a layer may well be called `root`.
    """
    maker = _maker()
    for where, text in _texts(proto):
        told_by = [_PATH, _TIME, maker] if where in ("doc_string", "metadata") else [_PATH, _TIME]
        if any(pattern.search(text) for pattern in told_by):
            yield f"{where}: {text}"


def _texts(message: Message) -> Iterator[tuple[str, str]]:
    """Walk all texts of a message but weights and the user's words, and say what each is."""
    for field, value in message.ListFields():
        if field.type not in (field.TYPE_STRING, field.TYPE_BYTES, field.TYPE_MESSAGE):
            continue
        for part in [value] if isinstance(value, (str, bytes, Message)) else value:
            if field.name == "metadata_props":
                yield from _notes(part)  # type: ignore[arg-type]
            elif isinstance(part, Message):
                yield from _texts(part)
            elif field.name not in _CONTENT:
                yield field.name, part if isinstance(part, str) else part.decode(errors="replace")


def _notes(entry: onnx.StringStringEntryProto) -> Iterator[tuple[str, str]]:
    if entry.key not in _USERS_WORDS:
        where = entry.key if entry.key.startswith(_OURS) else "metadata"
        yield where, f"{entry.key}={entry.value}"


def _maker() -> re.Pattern[str]:
    """Match the name of whoever runs this as a word; nothing where there is none."""
    name = ""
    with suppress(OSError, KeyError, ImportError):
        name = getpass.getuser()
    return re.compile(rf"\b{re.escape(name)}\b" if len(name) >= _SHORTEST_USER else r"(?!)")
