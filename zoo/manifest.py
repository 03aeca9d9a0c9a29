"""`manifest.json` of a model folder: size and sha256 of every file in it."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from zoo.errors import DamagedFileError
from zoo.model_files import CARD
from zoo.storage import read_json, sha256_of, write_json

NAME = "manifest.json"
_LARGEST = 16 << 20
"""Bytes; the manifest of a thousand files has a hundredth of that."""
_BESIDE = (NAME, CARD)
"""What lies beside recorded files and is not recorded itself."""
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names that are no files on Windows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What a file's content was when it was written."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    bytes: Annotated[int, Field(ge=0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Manifest:
    __pydantic_config__ = ConfigDict(extra="forbid")

    format: Literal[1]
    files: dict[str, Recorded]


def read_manifest(path: Path) -> dict[str, Recorded]:
    """Read a `manifest.json` that may come from anywhere: what it records, by name.

    Raises:
        DamagedFileError: It is missing, is none, or names what is no file of its folder.
    """
    if not path.exists():
        raise DamagedFileError(path, "missing")
    if path.stat().st_size > _LARGEST:
        raise DamagedFileError(path, f"it has {path.stat().st_size:,} bytes")
    try:
        files = TypeAdapter(_Manifest).validate_python(read_json(path)).files
    except ValidationError as cause:
        raise DamagedFileError(path, "not a manifest") from cause
    for name in _list_bad_names(files):
        raise DamagedFileError(path, f"it names {name!r}, which is no file of its folder")
    return files


def write_manifest(folder: Path) -> None:
    """Record every file of a folder that was just made, in name order."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != NAME]
    _write(folder, {path.relative_to(folder).as_posix(): _describe(path) for path in files})


def update_manifest(folder: Path, names: Iterable[str]) -> None:
    """Record files that were just written or removed, and trust the record of all others."""
    files = read_manifest(folder / NAME)
    for name in names:
        files.pop(name, None)
        if (folder / name).exists():
            files[name] = _describe(folder / name)
    _write(folder, files)


def recorded_files(folder: Path) -> dict[str, str]:
    """List what was recorded, by name, with the sha256 that each file had."""
    return {name: entry.sha256 for name, entry in read_manifest(folder / NAME).items()}


def check_file(folder: Path, name: str, *, hint: str = "") -> Path:
    """Return the path of a file that is what the manifest says.

    Raises:
        DamagedFileError: It is missing, not recorded, or has another size or content.
    """
    path = folder / name
    if not path.exists():
        raise DamagedFileError(path, "missing")
    recorded = read_manifest(folder / NAME).get(name)
    if recorded is None:
        raise DamagedFileError(path, f"not recorded in {NAME}", hint=hint)
    if path.stat().st_size != recorded.bytes:
        size = path.stat().st_size
        raise DamagedFileError(path, f"{size} bytes instead of {recorded.bytes}", hint=hint)
    if sha256_of(path) != recorded.sha256:
        raise DamagedFileError(path, f"its content is not what {NAME} recorded", hint=hint)
    return path


def to_data(files: Mapping[str, Recorded]) -> object:
    """Say what `manifest.json` holds, in name order."""
    listing = {n: {"sha256": f.sha256, "bytes": f.bytes} for n, f in sorted(files.items())}
    return {"format": 1, "files": listing}


def is_inside(name: str) -> bool:
    """Tell whether a file's name stays in its folder and is a file's, on every system."""
    parts = name.split("/")
    plain = name.isprintable() and not set(name) & set('\\:<>"|?*')
    return plain and all(_is_plain(part) for part in parts)


def _is_plain(part: str) -> bool:
    return bool(part) and part[-1] not in ". " and not _DEVICES.fullmatch(part) and part != ".git"


def _list_bad_names(names: Mapping[str, object]) -> Iterator[str]:
    """Find names that leave the folder, and those that are one file on other systems."""
    alike = Counter(map(_fold, (*names, *_BESIDE)))
    for name in names:
        if not is_inside(name) or alike[_fold(name)] > 1:
            yield name


def _fold(name: str) -> str:
    """Write alike what is one name on some system."""
    return unicodedata.normalize("NFC", name).casefold()


def _describe(path: Path) -> Recorded:
    return Recorded(sha256=sha256_of(path), bytes=path.stat().st_size)


def _write(folder: Path, files: Mapping[str, Recorded]) -> None:
    write_json(folder / NAME, to_data(files))
