"""One file of a repository, through the client's own cache, and what it must be."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from zoo.errors import StorageError
from zoo.hub.cache import fetch_large_file
from zoo.hub.patience import patiently
from zoo.hub.planned import start_git_sha1
from zoo.hub.remote import RemoteFile

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A file, and the hash of its content: sha256, or git's sha1 where no other is known."""

    name: str
    size: int
    """Bytes."""
    sha256: str = ""
    sha1: str = ""
    """Empty where the sha256 is known."""

    @staticmethod
    def listed(file: RemoteFile) -> Wanted:
        """Want what the repository lists."""
        if file.sha256 is not None:
            return Wanted(name=file.name, size=file.size, sha256=file.sha256)
        return Wanted(name=file.name, size=file.size, sha1=file.sha1)

    def start_digest(self) -> hashlib._Hash:
        """Begin the hash that tells whether content is right."""
        if self.sha256:
            return hashlib.sha256()
        return start_git_sha1(self.size)


def fetch(repo: str, commit: str, wanted: Wanted) -> Path:
    """Find a file in the Hub's cache, or download it there, with patience.

    Raises:
        HUB_FAILURES: It cannot be had.
    """
    return patiently(lambda: fetch_large_file(repo, wanted.name, commit))


def fetch_checked(repo: str, commit: str, wanted: Wanted) -> Path:
    """Find a small file in the Hub's cache, or download it there, and check it.

    Raises:
        HUB_FAILURES: It cannot be had, or the Hub sends something else than it should.
    """
    return _insist(repo, commit, wanted, lambda path: _is_right(path, wanted))


def bring(repo: str, commit: str, wanted: Wanted, place: Path) -> None:
    """Copy a file from the Hub's cache to its place, and check it on the way.

    A copy, since whoever writes into the place must not write into the cache.

    Raises:
        HUB_FAILURES: It cannot be had, or the Hub sends something else than it should.
        StorageError: The disk refuses it.
    """
    _insist(repo, commit, wanted, lambda path: _copy(path, place, wanted))


def _insist(repo: str, commit: str, wanted: Wanted, is_right: Callable[[Path], bool]) -> Path:
    """Fetch a file until it is the right one, twice at most.

    What lies in the cache may have been damaged since, and the client checks no small file.
    """
    for _ in range(2):
        path = fetch(repo, commit, wanted)
        if is_right(path):
            return path
        _forget(path)
    raise ValueError(
        f"the Hub sends another {wanted.name} than it lists, or than its manifest records"
    )


def _is_right(path: Path, wanted: Wanted) -> bool:
    digest = wanted.start_digest()
    digest.update(path.read_bytes())
    return digest.hexdigest() == (wanted.sha256 or wanted.sha1)


def _copy(path: Path, place: Path, wanted: Wanted) -> bool:
    """Copy a file; tell whether its content is the right one."""
    digest = wanted.start_digest()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with path.open("rb") as source, place.open("wb") as target:
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                target.write(chunk)
    except OSError as cause:
        raise StorageError(place, cause) from cause
    return digest.hexdigest() == (wanted.sha256 or wanted.sha1)


def _forget(path: Path) -> None:
    """Remove a file from the cache, and the content that its link leads to."""
    content = path.resolve()
    path.unlink(missing_ok=True)
    content.unlink(missing_ok=True)
