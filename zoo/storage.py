"""Files that appear whole or not at all, and the hashes that tell whether they still are."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

from zoo.errors import DamagedFileError, StorageError


def sha256_of(path: Path) -> str:
    """Hash a file's content in constant memory; 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_bytes(content: bytes) -> str:
    """Hash bytes in memory; 64 hex digits."""
    return hashlib.sha256(content).hexdigest()


@contextmanager
def _writes_to(path: Path) -> Iterator[None]:
    """Name the file in whatever the operating system complains about."""
    try:
        yield
    except OSError as cause:
        raise StorageError(path, cause) from cause


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Write a whole file or none of it: beside its place, flushed to disk, then renamed.

    Raises:
        StorageError: The disk is full or read-only; `path` is as it was before.
    """
    with appearing(path) as file:
        file.write(content)


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Write files of which each is of no use without those before it.

    All are on disk before the first appears; then they do so in their order, at once.

    Raises:
        StorageError: The disk is full or read-only; all are as they were before.
    """
    with ExitStack() as stack:
        # What was opened last appears first.
        for path, content in reversed([*contents.items()]):
            file = stack.enter_context(appearing(path))
            file.write(content)
            file.flush()


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write a text file line by line, whole or not at all.

    Raises:
        StorageError: The disk is full or read-only; `path` is as it was before.
    """
    with appearing(path) as file:
        for line in lines:
            file.write(f"{line}\n".encode())


def remove_unfinished(folder: Path) -> None:
    """Remove what a process that was killed had begun to write in a folder or below it."""
    for path in sorted(folder.rglob(".*.part")):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Appearing:
    """A file that is being written beside its place."""

    path: Path
    """Its place."""
    file: BinaryIO

    def write(self, content: bytes | memoryview) -> None:
        """Append some content.

        Raises:
            StorageError: The disk is full.
        """
        with _writes_to(self.path):
            self.file.write(content)

    def flush(self) -> None:
        """Hand all content to the operating system, which tells whether the disk has room.

        Raises:
            StorageError: It has none.
        """
        with _writes_to(self.path):
            self.file.flush()


@contextmanager
def appearing(path: Path) -> Iterator[Appearing]:
    """Open a file that appears at `path` when it is whole.

    Errors of whoever makes its content stay what they are.

    Raises:
        StorageError: The disk is full or read-only; `path` is as it was before.
    """
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.part")
    with _writes_to(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = temporary.open("xb")
    try:
        with _closed_after(file, path):
            yield Appearing(path, file)
        with _writes_to(path):
            temporary.replace(path)
            _sync_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def _closed_after(file: BinaryIO, path: Path) -> Iterator[None]:
    """Close a file, flushed to disk if all went well."""
    try:
        yield
        with _writes_to(path):
            file.flush()
            os.fsync(file.fileno())
    finally:
        # What could not be written before cannot be now.
        with suppress(OSError):
            file.close()


def write_json(path: Path, value: Any) -> None:
    """Write `value` as readable JSON, whole or not at all; NaN is refused."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_bytes(path, f"{text}\n".encode())


def read_json(path: Path) -> Any:
    """Parse a JSON file as strictly as zoo writes it: no NaN, and no name twice.

    Raises:
        DamagedFileError: The file is not JSON.
    """
    try:
        return parse_json(path.read_text(encoding="utf-8"))
    except ValueError as cause:
        raise DamagedFileError(path, f"not valid JSON ({cause})") from cause


def parse_json(text: str) -> Any:
    """Parse JSON that may come from anywhere.

    Raises:
        ValueError: It is none, is nested too deep, names a field twice, or holds a number that
            is not finite.
    """
    try:
        return json.loads(
            text, object_pairs_hook=_once, parse_constant=_refuse, parse_float=_finite
        )
    except RecursionError:
        raise ValueError("nested too deep") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object whose names differ; which of two counts is not for a parser to choose."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice[:80]!r} is there twice")
    return found


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no number")


def _finite(digits: str) -> float:
    if not math.isfinite(number := float(digits)):
        raise ValueError(f"{digits[:40]} is too large")
    return number


def append_line(path: Path, value: Any) -> None:
    """Append one JSON value as a line; figures that are not defined are null."""
    with _writes_to(path), path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(_defined(value), ensure_ascii=False, allow_nan=False) + "\n")


def _defined(value: Any) -> Any:
    """Put None for numbers that JSON has no word for."""
    if isinstance(value, dict):
        return {name: _defined(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_defined(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable where folders can be opened (not on Windows)."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
