"""What a commit says, line by line, and the files that come of it: pure but for Xet's store."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from tests.hub import lfs, xet
from tests.hub.card import check_card
from tests.hub.content import read
from tests.hub.refusal import RefusedError
from tests.hub.repos import (
    Blob,
    Commit,
    Repository,
    attributes_of,
    is_large,
    large_blob,
    small_blob,
)
from tests.hub.server import HubServer


@dataclass(frozen=True, kw_only=True)
class Change:
    """What becomes of a branch."""

    title: str
    message: str
    files: dict[str, Blob]


def read_change(
    hub: HubServer, repository: Repository, head: Commit, lines: list[dict[str, Any]]
) -> Change:
    """Work out what a commit holds.

    Raises:
        RefusedError: It is not in order; nothing has changed then.
    """
    header = lines[0]["value"] if lines and lines[0]["key"] == "header" else {}
    if not header.get("summary"):
        raise RefusedError(400, "A commit summary is required")
    parent = header.get("parentCommit")
    if parent is not None and parent != head.id:
        raise RefusedError(412, "A commit has happened since. Please refresh and try again.")
    files, before = dict(head.files), dict(head.files)
    for line in lines[1:]:
        path = checked(line["value"]["path"])
        _apply(hub, repository, files, before, line["key"], path, line["value"])
    _check_paths(files)
    _check_readme(files, before)
    return Change(title=header["summary"], message=header.get("description", ""), files=files)


def _apply(
    hub: HubServer,
    repository: Repository,
    files: dict[str, Blob],
    before: dict[str, Blob],
    key: str,
    path: str,
    value: dict[str, Any],
) -> None:
    if key == "file":
        files[path] = _small(hub, path, value, files)
    elif key == "lfsFile":
        files[path] = _large(hub, repository, value)
        _track(files, path)
    elif key in ("deletedFile", "deletedFolder"):
        for name in _deleted(before, key, path):
            files.pop(name, None)
    else:
        raise RefusedError(400, f"Unknown operation {key}")


def _deleted(before: dict[str, Blob], key: str, path: str) -> list[str]:
    if key == "deletedFile":
        names = [name for name in before if name == path]
    else:
        names = [name for name in before if name.startswith(f"{path.rstrip('/')}/")]
    if not names:
        kind = key.removeprefix("deleted").lower()
        raise RefusedError(404, f"A {kind} with this name doesn't exist", "EntryNotFound")
    return names


def _small(hub: HubServer, path: str, value: dict[str, Any], files: dict[str, Blob]) -> Blob:
    content = base64.b64decode(value["content"], validate=True)
    if len(content) > hub.large_threshold:
        raise RefusedError(413, f"{path} is too large for git: it has to be stored by Git-LFS")
    if is_large(path, content[:512], len(content), attributes_of(files), hub.large_threshold):
        raise RefusedError(400, f"{path} has to be stored by Git-LFS")
    return small_blob(content)


def _large(hub: HubServer, repository: Repository, value: dict[str, Any]) -> Blob:
    oid, size = value["oid"], value.get("size")
    if value.get("algo") != "sha256":
        raise RefusedError(400, "algo must be sha256")
    if oid not in repository.large:
        _take_from_xet(hub, repository, oid)
    blob = large_blob(oid, repository.large[oid], repository.xet_hashes.get(oid))
    if size is not None and size != blob.size:
        raise RefusedError(400, f"LFS pointer of {oid} says {size} bytes, and it has {blob.size}")
    return blob


def _take_from_xet(hub: HubServer, repository: Repository, oid: str) -> None:
    found = xet.find(hub, oid) if hub.xet else None
    if found is None:
        raise RefusedError(400, f"LFS pointer pointed to a file that does not exist: {oid}")
    lfs.check_limit(hub, repository, found.size)
    part = hub.root / f"{oid}.xet"
    xet.assemble(hub, found, part)
    hub.keep(repository, oid, part)
    repository.xet_hashes[oid] = found.hash


def _track(files: dict[str, Blob], path: str) -> None:
    """Let `.gitattributes` name a large file that no pattern of it covers, as the Hub does."""
    attributes = attributes_of(files)
    if not is_large(path, b"", 1, attributes, 1):
        quoted = path.replace(" ", "[[:space:]]")
        added = f"{attributes}{quoted} filter=lfs diff=lfs merge=lfs -text\n"
        files[".gitattributes"] = small_blob(added.encode())


def checked(path: str) -> str:
    """Refuse a name that would leave the folder."""
    parts = path.rstrip("/").split("/")
    if any(part in ("", ".", "..", ".git") for part in parts) or "\\" in path or "\0" in path:
        raise RefusedError(400, f"Invalid path: {path!r}")
    return path


def _check_paths(files: dict[str, Blob]) -> None:
    """Refuse a file that is a folder as well."""
    for path in files:
        parts = path.split("/")
        for depth in range(1, len(parts)):
            if "/".join(parts[:depth]) in files:
                raise RefusedError(400, f"{'/'.join(parts[:depth])} is a file and a folder")


def _check_readme(files: dict[str, Blob], before: dict[str, Blob]) -> None:
    readme = files.get("README.md")
    if readme is None or readme == before.get("README.md"):
        return
    errors = check_card(read(readme.content).decode(errors="replace")).errors
    if errors:
        raise RefusedError(400, f"Invalid metadata in README.md: {'; '.join(errors)}")
