"""The manifest of a model folder: size and sha256 of every file in it."""

from __future__ import annotations

from pathlib import Path

from zoo.errors import DamagedFileError
from zoo.storage import read_json, sha256_of, write_json

NAME = "manifest.json"


def write_manifest(folder: Path) -> None:
    """Record every file below `folder`, in name order; half-written ones are passed over."""
    files = {
        path.relative_to(folder).as_posix(): {
            "sha256": sha256_of(path),
            "bytes": path.stat().st_size,
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != NAME and not path.name.endswith(".part")
    }
    write_json(folder / NAME, {"format": 1, "files": files})


def check_file(folder: Path, name: str) -> Path:
    """Return the path of a file that is what the manifest says.

    Raises:
        DamagedFileError: It is missing, not recorded, or has another size or content.
    """
    manifest = folder / NAME
    if not manifest.exists():
        raise DamagedFileError(manifest, "missing")
    try:
        recorded = read_json(manifest)["files"].get(name)
    except (KeyError, TypeError, AttributeError) as cause:
        raise DamagedFileError(manifest, "not a manifest") from cause
    path = folder / name
    if not path.exists():
        raise DamagedFileError(path, "missing")
    if recorded is None:
        raise DamagedFileError(path, f"not recorded in {NAME}")
    if path.stat().st_size != recorded["bytes"]:
        raise DamagedFileError(
            path, f"{path.stat().st_size:,} bytes instead of {recorded['bytes']:,}"
        )
    if sha256_of(path) != recorded["sha256"]:
        raise DamagedFileError(path, f"its content is not what {NAME} recorded")
    return path
