"""What a tag or a commit held when it was first met, and must go on holding."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.errors import HubChangedError
from zoo.hub.names import Reference
from zoo.hub.remote import RemoteFile
from zoo.registry.lock import Lock
from zoo.storage import sha256_of_bytes


def hold(lock: Lock, reference: Reference, commit: str, digest: str, size: int) -> None:
    """Hold a revision to what it held at first, whoever made it and of whatever kind it is.

    Args:
        lock: Remembers it.
        reference: The tag or the commit.
        commit: What it is now.
        digest: sha256 of what decides what the model is: of a model of zoo's the manifest, of
            others what `digest_of` says.
        size: Bytes of that.

    Raises:
        HubChangedError: It holds something else now.
    """
    key = f"hub:{reference}"
    known = lock.add(key, sha256=digest, size=size, revision=commit)
    if known.sha256 != digest:
        raise HubChangedError(
            f"{reference} has been changed: it was commit {(known.revision or '')[:12]} on "
            f"{known.first_fetched:%Y-%m-%d} and now is {commit[:12]}, with other files",
            hint=f"look at what changed; to accept it, remove {key!r} from {lock.path}",
        )


def digest_of(files: Iterable[RemoteFile]) -> str:
    """Hash the names and the hashes of some files, as the Hub lists them."""
    lines = sorted(f"{file.name} {file.sha256 or file.sha1}\n" for file in files)
    return sha256_of_bytes("".join(lines).encode())
