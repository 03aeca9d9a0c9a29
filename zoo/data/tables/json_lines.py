"""Reading JSON Lines, one object a line, or one JSON list of objects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.json

from zoo.errors import DataError

_BLOCK_BYTES = 1 << 24
"""No line may be longer than this (arrow's own limit would be 1 MiB)."""
_KINDS: dict[type, str] = {bool: "true or false", int: "numbers", float: "numbers", str: "text"}
_TOO_MUCH = (RecursionError, OverflowError)
"""Nested too deep, and numbers too large for a column: neither is a ValueError."""
_HINT = "write one JSON object a line, each column always of one kind"


def read_json_lines(path: Path) -> pa.Table:
    """Read a table of named cells; a name that a line lacks is null there.

    Raises:
        DataError: A line that is no object, or a column that changes its kind; with its line.
    """
    if _starts_a_list(path):
        return _read_list(path)
    try:
        table = _read(path, None)
        if dates := [field.name for field in table.schema if pa.types.is_temporal(field.type)]:
            # Arrow takes 2026-01-31 for a date; to a user it may be the name of a class.
            table = _read(path, pa.schema([(name, pa.string()) for name in dates]))
    except pa.ArrowInvalid as cause:
        problem = _find_fault(path) or str(cause)
        raise DataError(f"{path} cannot be read: {problem}", hint=_HINT) from cause
    return table


def _read(path: Path, schema: pa.Schema | None) -> pa.Table:
    return pa.json.read_json(
        path,
        read_options=pa.json.ReadOptions(block_size=_BLOCK_BYTES),
        parse_options=pa.json.ParseOptions(explicit_schema=schema),
    )


def _starts_a_list(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")


def _read_list(path: Path) -> pa.Table:
    try:
        rows = json.loads(path.read_text(encoding="utf-8-sig"))
        return pa.Table.from_pylist(rows)
    except (ValueError, TypeError, AttributeError, *_TOO_MUCH, pa.ArrowException) as cause:
        raise DataError(f"{path} is no list of JSON objects: {cause}", hint=_HINT) from cause


def _find_fault(path: Path) -> str:
    """Name the first line that breaks the rules."""
    kinds: dict[str, str] = {}
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for number, line in enumerate(file, 1):
            try:
                row: Any = json.loads(line) if line.strip() else {}
            except (ValueError, *_TOO_MUCH) as cause:
                return f"line {number} is not JSON ({cause})"
            if not isinstance(row, dict):
                return f"line {number} is not an object"
            for name, cell in row.items():
                kind = _KINDS.get(type(cell), "lists or objects")
                if cell is not None and kinds.setdefault(name, kind) != kind:
                    return f"{name!r} held {kinds[name]} before line {number} and now {kind}"
    return ""
