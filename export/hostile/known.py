"""Which model files need no trial: those made here, tried here or vouched for here.

A folder can say anything of itself, so that nothing in it counts. The record lies in the user's
own cache, one small file for each sha256, and is believed only where nobody else could have
written it. Deleting it costs a trial for each file, nothing more; so does a cache that cannot be
written.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import onnx
import onnxruntime
import platformdirs

from zoo.errors import DamagedFileError, StorageError
from zoo.storage import read_json, sha256_of, sha256_of_bytes, write_json

Origin = Literal["made", "tried", "trusted"]


def records_folder() -> Path:
    """The folder of the records."""
    return platformdirs.user_cache_path("zoo") / "models"


def remember(content: bytes, folder: Path | None = None, beside: tuple[str, ...] = ()) -> None:
    """Record a graph that zoo has just made.

    Args:
        content: The graph.
        folder: Where the files beside it lie.
        beside: Names of the files that hold its weights, if they are not inside.
    """
    _record(content, folder, beside, "made")


def trust(path: Path, beside: tuple[str, ...] = ()) -> None:
    """Record a file that the user vouches for; it is then opened without a trial."""
    _record(path.read_bytes(), path.parent, beside, "trusted")


def record_trial(content: bytes, folder: Path, beside: tuple[str, ...]) -> None:
    """Record a file that harmed nothing, for as long as the same versions open it."""
    _record(content, folder, beside, "tried")


def is_known(content: bytes, folder: Path) -> bool:
    """Tell whether these bytes, and those beside them, are on record."""
    try:
        path = _place(content)
        if not _is_ours(path.parent) or not _is_ours(path):
            return False
        entry = read_json(path)
    except (DamagedFileError, OSError, RuntimeError):
        return False
    return _still_holds(entry) and _are_unchanged(folder, entry.get("beside"))


def _record(content: bytes, folder: Path | None, beside: tuple[str, ...], origin: Origin) -> None:
    digests = {name: sha256_of((folder or Path()) / name) for name in beside}
    entry = {"format": 1, "origin": origin, "beside": digests, **_versions()}
    with suppress(OSError, RuntimeError, StorageError):
        place = _place(content)
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_json(place, entry)


def _place(content: bytes) -> Path:
    """Name the record of these bytes; a user without a home is a RuntimeError of pathlib."""
    return records_folder() / f"{sha256_of_bytes(content)}.json"


def _is_ours(path: Path) -> bool:
    """Tell whether only this user can have written a file or folder."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return os.name != "posix" or (found.st_uid == os.getuid() and not found.st_mode & 0o022)


def _still_holds(entry: Any) -> bool:
    if not isinstance(entry, dict) or entry.get("format") != 1:
        return False
    same = all(entry.get(name) == version for name, version in _versions().items())
    return same or entry.get("origin") in ("made", "trusted")


def _are_unchanged(folder: Path, beside: object) -> bool:
    """Compare the files that hold weights with what they were."""
    if not isinstance(beside, Mapping):
        return False
    try:
        return all(sha256_of(folder / name) == digest for name, digest in beside.items())
    except OSError:
        return False


def _versions() -> dict[str, str]:
    return {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__}
