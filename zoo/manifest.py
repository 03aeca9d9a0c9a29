"""The manifest of a model folder: size and sha256 of every file in it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from zoo.errors import DamagedFileError
from zoo.storage import read_json, sha256_of, write_json

NAME = "manifest.json"


def write_manifest(folder: Path) -> None:
    """Record every file of a folder that was just made, in name order."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != NAME]
    _write(folder, {path.relative_to(folder).as_posix(): _describe(path) for path in files})


def update_manifest(folder: Path, names: Iterable[str]) -> None:
    """Record files that were just written or removed, and trust the record of all others."""
    files = _read(folder)
    for name in names:
        files.pop(name, None)
        if (folder / name).exists():
            files[name] = _describe(folder / name)
    _write(folder, dict(sorted(files.items())))


def recorded_files(folder: Path) -> dict[str, str | None]:
    """List what was recorded, by name, with the sha256 that each file had."""
    return {name: entry.get("sha256") for name, entry in _read(folder).items()}


def check_file(folder: Path, name: str, *, hint: str = "") -> Path:
    """Return the path of a file that is what the manifest says.

    Raises:
        DamagedFileError: It is missing, not recorded, or has another size or content.
    """
    path = folder / name
    if not path.exists():
        raise DamagedFileError(path, "missing")
    recorded = _read(folder).get(name)
    if recorded is None:
        raise DamagedFileError(path, f"not recorded in {NAME}", hint=hint)
    if path.stat().st_size != recorded.get("bytes"):
        size, wanted = path.stat().st_size, recorded.get("bytes")
        raise DamagedFileError(path, f"{size} bytes instead of {wanted}", hint=hint)
    if sha256_of(path) != recorded.get("sha256"):
        raise DamagedFileError(path, f"its content is not what {NAME} recorded", hint=hint)
    return path


def _describe(path: Path) -> dict[str, Any]:
    return {"sha256": sha256_of(path), "bytes": path.stat().st_size}


def _write(folder: Path, files: dict[str, Any]) -> None:
    write_json(folder / NAME, {"format": 1, "files": files})


def _read(folder: Path) -> dict[str, dict[str, Any]]:
    path = folder / NAME
    if not path.exists():
        raise DamagedFileError(path, "missing")
    content = read_json(path)
    files = content.get("files") if isinstance(content, dict) else None
    if not isinstance(files, dict) or not all(isinstance(e, dict) for e in files.values()):
        raise DamagedFileError(path, "not a manifest")
    if strays := [name for name in files if not _is_inside(name)]:
        raise DamagedFileError(path, f"it names {strays[0]!r}, which is not in the folder")
    return files


def _is_inside(name: str) -> bool:
    """Tell whether a name stays in the folder, on every system."""
    parts = name.split("/")
    return not {"", ".", ".."} & set(parts) and not set(name) & set("\\:\0")
