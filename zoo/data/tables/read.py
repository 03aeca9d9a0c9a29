"""Reading a table by its suffix into columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from zoo.data.tables.delimited import read_delimited, read_header
from zoo.data.tables.json_lines import read_json_lines
from zoo.errors import DataError

TABLE_SUFFIXES = frozenset(
    [".csv", ".tsv", ".csv.gz", ".tsv.gz", ".jsonl", ".ndjson", ".json", ".parquet"]
)
"""Names, in lower case, that are taken for tables."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """Columns of one length, as they were found."""

    path: Path
    """Absolute; images are named relative to its folder."""
    columns: pa.Table
    notes: tuple[str, ...] = ()
    """What a user should know about how it was read."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns, in their order."""
        return tuple(self.columns.column_names)

    def __len__(self) -> int:
        return int(self.columns.num_rows)

    def require(self, *names: str) -> None:
        """Make sure that there are columns of these names.

        Raises:
            DataError: There are not; with what may have been meant.
        """
        require_columns(self.path, self.names, names)


def is_table(path: Path) -> bool:
    """Tell by its name whether a file is to be read as a table."""
    return _suffix(path) in TABLE_SUFFIXES


def read_names(path: Path) -> tuple[str, ...]:
    """Read the names of a table's columns, and no more than that where the format allows.

    Raises:
        DataError: There is no such file, or it is no table.
    """
    path = _require_file(path)
    match _suffix(path):
        case ".csv" | ".tsv" | ".csv.gz" | ".tsv.gz":
            return read_header(path)
        case ".parquet":
            return tuple(_read_schema(path).names)
        case _:
            return tuple(_read(path, None)[0].column_names)


def read_table(path: Path, names: Collection[str] | None = None) -> Table:
    """Read a table, or only the columns of these names.

    Raises:
        DataError: There is no such file, it is no table, has no rows, or lacks a column.
    """
    path = _require_file(path)
    columns, notes = _read(path, names)
    _require_different(path, columns.column_names)
    table = Table(path=path, columns=columns, notes=notes)
    table.require(*(names or ()))
    if not len(table):
        raise DataError(f"{path} has no rows below its column names")
    kept = [name for name in table.names if names is None or name in names]
    return replace(table, columns=columns.select(kept))


def require_columns(path: Path, known: Sequence[str], wanted: Iterable[str]) -> None:
    """Make sure that a table has these columns.

    Raises:
        DataError: It has not; with what may have been meant.
    """
    if missing := [name for name in wanted if name not in known]:
        near = get_close_matches(missing[0], known, n=1)
        start = f"did you mean {near[0]!r}? " if near else ""
        raise DataError(
            f"{path} has no column {', '.join(map(repr, missing))}",
            hint=f"{start}its columns are {', '.join(known)}",
        )


def _require_file(path: Path) -> Path:
    path = path.expanduser().resolve()
    if not path.is_file():
        problem = "is not a file" if path.exists() else "does not exist"
        raise DataError(f"{path} {problem}", hint="give a table with a column of image files")
    return path


def _suffix(path: Path) -> str:
    suffixes = path.suffixes[-2:] if path.suffix.lower() == ".gz" else path.suffixes[-1:]
    return "".join(suffixes).lower()


def _read(path: Path, names: Collection[str] | None) -> tuple[pa.Table, tuple[str, ...]]:
    match _suffix(path):
        case ".csv" | ".tsv" | ".csv.gz" | ".tsv.gz":
            return read_delimited(path, names)
        case ".jsonl" | ".ndjson" | ".json":
            return read_json_lines(path), ()
        case ".parquet":
            return _read_parquet(path, names), ()
        case suffix:
            raise DataError(
                f"{path} is no table that can be read ({suffix or 'no suffix'})",
                hint=f"known are {', '.join(sorted(TABLE_SUFFIXES))}",
            )


def _read_schema(path: Path) -> pa.Schema:
    try:
        return pa.parquet.read_schema(path)
    except pa.ArrowException as cause:
        raise DataError(f"{path} is no Parquet file: {cause}") from cause


def _read_parquet(path: Path, names: Collection[str] | None) -> pa.Table:
    known = _read_schema(path).names
    try:
        wanted = None if names is None else [name for name in known if name in names]
        table = pa.parquet.read_table(path, columns=wanted)
    except (pa.ArrowException, OSError) as cause:
        raise DataError(f"{path} is damaged: {cause}") from cause
    for at, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(at, field.name, table[at].cast(field.type.value_type))
    return table


def _require_different(path: Path, names: Sequence[str]) -> None:
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise DataError(
            f"{path} has several columns named {', '.join(map(repr, twice))}",
            hint="give each column a name of its own",
        )
