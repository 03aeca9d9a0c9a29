"""A file that will be published, and whether the repository has it already."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from zoo.storage import sha256_of_bytes

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFile:
    """A file as it will be in the repository."""

    name: str
    """With slashes, from the repository's top."""
    sha256: str
    size: int
    """Bytes."""
    source: Path | bytes
    """Where its content lies, or the content where that is not what lies in the folder."""


def from_bytes(name: str, content: bytes) -> PlannedFile:
    """Plan a file that is written anew, as small as texts are."""
    return PlannedFile(
        name=name, sha256=sha256_of_bytes(content), size=len(content), source=content
    )


def open_planned(file: PlannedFile) -> BinaryIO:
    """Open what will be sent."""
    return BytesIO(file.source) if isinstance(file.source, bytes) else file.source.open("rb")


def start_git_sha1(size: int) -> hashlib._Hash:
    """Begin the hash that git gives to a file of so many bytes."""
    return hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)


def git_sha1(file: PlannedFile) -> str:
    """Hash a file as git does; 40 hex digits."""
    digest = start_git_sha1(file.size)
    with open_planned(file) as content:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
