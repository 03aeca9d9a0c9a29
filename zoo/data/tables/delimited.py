"""Reading CSV and TSV: every cell stays the text that it is, so that 007 is not 7."""

from __future__ import annotations

import codecs
import csv
import gzip
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, TextIO

import pyarrow as pa
import pyarrow.csv

from zoo.errors import DataError
from zoo.inputs.image import is_image

_DELIMITERS = ",;\t|"
"""Tried on the first line of a .csv; of equals the first wins."""
_BLOCK = 1 << 20
_SHOWN = 10
"""So many faulty lines are named."""
_NAMES_NEEDED = "let the first line name the columns, for example: image,label"


def read_delimited(
    path: Path, names: Collection[str] | None = None
) -> tuple[pa.Table, tuple[str, ...]]:
    """Read the table, or the columns of these names, as text; empty cells are null.

    UTF-8 (with or without a mark), UTF-16 with its mark and, failing these, Windows-1252 are
    read. The delimiter of a .csv is found from its first line.

    Returns:
        The columns and what a user should know about how they were read.

    Raises:
        DataError: No column names, or lines with more or fewer cells than the first.
    """
    encoding, delimiter, header = _look_at(path)
    # The mark is part of the text to arrow, which knows it in UTF-8 alone.
    arrow_encoding = "utf-8" if encoding == "utf-8-sig" else encoding
    try:
        table = pa.csv.read_csv(
            path,
            read_options=pa.csv.ReadOptions(encoding=arrow_encoding),
            parse_options=pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()),
                include_columns=None if names is None else [n for n in header if n in names],
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid as cause:
        if not _holds_rows(path, encoding, delimiter):
            return pa.table({name: pa.array([], pa.string()) for name in header}), ()
        problem = _find_ragged(path, encoding, delimiter) or str(cause)
        raise DataError(
            f"{path} is no well-formed table: {problem}",
            hint='put cells that hold the delimiter or a quote into "quotes"',
        ) from cause
    notes = []
    if encoding in ("cp1252", "latin-1"):
        notes.append(f"{path.name} is not UTF-8; read as {encoding}")
    if delimiter not in ",\t":
        notes.append(f"{path.name} is read with {delimiter!r} between its cells")
    return table, tuple(notes)


def read_header(path: Path) -> tuple[str, ...]:
    """Read the names of the columns.

    Raises:
        DataError: There are none.
    """
    return tuple(_look_at(path)[2])


def _look_at(path: Path) -> tuple[str, str, list[str]]:
    """Find encoding, delimiter and column names."""
    encoding = _find_encoding(path)
    tabs = ".tsv" in (suffix.lower() for suffix in path.suffixes)
    delimiter = "\t" if tabs else _find_delimiter(path, encoding)
    header = _read_header(path, encoding, delimiter)
    _require_names(path, header)
    return encoding, delimiter, header


@contextmanager
def _open_text(path: Path, encoding: str) -> Iterator[TextIO]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding=encoding, newline="") as file:
        yield file


def _open_bytes(path: Path) -> IO[bytes]:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def _find_encoding(path: Path) -> str:
    with _open_bytes(path) as file:
        if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return "utf-16"
    for encoding in ("utf-8-sig", "cp1252"):
        if _decodes(path, encoding):
            return encoding
    return "latin-1"


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with _open_bytes(path) as file:
            while block := file.read(_BLOCK):
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _find_delimiter(path: Path, encoding: str) -> str:
    return max(_DELIMITERS, key=lambda mark: len(_read_header(path, encoding, mark)))


def _read_header(path: Path, encoding: str, delimiter: str) -> list[str]:
    with _open_text(path, encoding) as file:
        return next(filter(None, csv.reader(file, delimiter=delimiter)), [])


def _holds_rows(path: Path, encoding: str, delimiter: str) -> bool:
    """Tell whether anything is below the names, which arrow takes a file for empty without."""
    with _open_text(path, encoding) as file:
        return any(islice(filter(None, csv.reader(file, delimiter=delimiter)), 1, None))


def _require_names(path: Path, header: list[str]) -> None:
    if not header:
        raise DataError(f"{path} is empty", hint=_NAMES_NEEDED)
    if any(is_image(Path(name)) for name in header):
        line = ", ".join(map(repr, header[:5]))
        raise DataError(
            f"the first line of {path} holds data ({line}), not the names of the columns",
            hint=_NAMES_NEEDED,
        )


def _find_ragged(path: Path, encoding: str, delimiter: str) -> str:
    """Say which lines have another number of cells than the first."""
    with _open_text(path, encoding) as file:
        rows = csv.reader(file, delimiter=delimiter)
        width = len(next(filter(None, rows)))
        wrong = ((rows.line_num, len(row)) for row in rows if row and len(row) != width)
        found = [f"line {line} has {count}" for line, count in islice(wrong, _SHOWN)]
    return f"{width} columns are named, but {', '.join(found)}" if found else ""
