"""Repositories, files and commits in the Hub's JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.hub.card import front_matter
from tests.hub.content import read
from tests.hub.repos import Blob, Commit, Repository


def describe(repository: Repository, commit: Commit, *, blobs: bool = False) -> dict[str, Any]:
    """Describe a repository at a commit."""
    card = _card(commit)
    tags = [*card.get("tags", [])] if isinstance(card.get("tags"), list) else []
    named: dict[str, Any] = {
        key: card[key] for key in ("pipeline_tag", "library_name") if key in card
    }
    if isinstance(card.get("license"), str):
        tags.append(f"license:{card['license']}")
    return {
        "_id": commit.id[:24],
        "id": repository.id,
        "modelId": repository.id,
        "author": repository.namespace,
        "sha": commit.id,
        "private": repository.private,
        "gated": repository.gated,
        "disabled": repository.disabled,
        "createdAt": time(repository.created),
        "lastModified": time(commit.date),
        "downloads": 0,
        "likes": 0,
        "tags": tags,
        **named,
        **({"cardData": card} if card else {}),
        "siblings": [_sibling(path, blob, blobs=blobs) for path, blob in commit.files.items()],
        "spaces": [],
        "usedStorage": repository.large_bytes,
    }


def entry(path: str, blob: Blob) -> dict[str, Any]:
    """Describe a file in a listing."""
    said: dict[str, Any] = {"type": "file", "oid": blob.id, "size": blob.size, "path": path}
    if blob.sha256:
        large = {"oid": blob.sha256, "size": blob.size, "pointerSize": blob.pointer_size}
        said["lfs"] = large
    if blob.xet:
        said["xetHash"] = blob.xet
    return said


def last_change(repository: Repository, commit: Commit, path: str) -> dict[str, str]:
    """Find the commit that gave a file or a folder what it holds."""
    found = commit
    for older in repository.history(commit.id):
        if _under(older, path) != _under(commit, path):
            break
        found = older
    return {"id": found.id, "title": found.title, "date": time(found.date)}


def commit_facts(commit: Commit) -> dict[str, Any]:
    """Describe a commit in a history."""
    return {
        "id": commit.id,
        "title": commit.title,
        "message": commit.message,
        "authors": [{"user": commit.author}],
        "date": time(commit.date),
    }


def time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


def _sibling(path: str, blob: Blob, *, blobs: bool) -> dict[str, Any]:
    said: dict[str, Any] = {"rfilename": path}
    if blobs:
        said |= {"size": blob.size, "blobId": blob.id}
        if blob.sha256:
            said["lfs"] = {
                "sha256": blob.sha256,
                "size": blob.size,
                "pointerSize": blob.pointer_size,
            }
    return said


def _card(commit: Commit) -> dict[str, Any]:
    readme = commit.files.get("README.md")
    if readme is None or readme.sha256:
        return {}
    found = front_matter(read(readme.content).decode(errors="replace"))
    return found if isinstance(found, dict) else {}


def _under(commit: Commit, path: str) -> list[tuple[str, str]]:
    return [(p, b.id) for p, b in commit.files.items() if p == path or p.startswith(f"{path}/")]
