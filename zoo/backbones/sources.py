"""Pretrained weights on this machine, and proved to be the right ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from zoo.backbones.identity import check_identity, lock_key
from zoo.backbones.places import PLACES
from zoo.errors import WeightsError
from zoo.registry.entries import Weights
from zoo.registry.lock import Lock
from zoo.storage import sha256_of

SAFE_SUFFIX = ".safetensors"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A weights file on this machine that is what it was said to be."""

    path: Path
    weights: Weights
    """With every fact that the file itself could add: sha256, size, commit."""
    newly_locked: bool
    """Whether this was the first meeting, recorded in the lock file."""


def is_here(weights: Weights, lock: Lock | None = None) -> bool:
    """Tell whether using the weights needs no network."""
    if weights.source == "none":
        return True
    if weights.source == "hub" and weights.revision is None:
        known = (lock or Lock.default()).get(lock_key(weights))
        weights = replace(weights, revision=known.revision if known else None)
    return PLACES[weights.source].find(weights) is not None


def fetch_weights(weights: Weights, lock: Lock | None = None) -> Fetched:
    """Have the weights file on this machine, and check that it is the right one.

    What the registry does not say of the file is taken from the lock file, or, when the file
    is met for the first time, recorded there.

    Raises:
        WeightsError: It cannot be had, or is not what the registry or the lock file says.
    """
    lock = lock or Lock.default()
    pinned = _pinned(weights, lock)
    if is_unsafe(pinned):
        raise WeightsError(
            f"{pinned.location}/{pinned.file} is a pickle of unknown sha256, which zoo does not "
            "open",
            hint="name weights in the safetensors format, or state the 64 hex digits of the "
            "file's sha256 in a registry entry",
        )
    path = PLACES[pinned.source].fetch(pinned)
    size, digest = path.stat().st_size, sha256_of(path)
    check_identity(path, pinned, size=size, digest=digest)
    revision = _commit_of(path, pinned.file) if pinned.source == "hub" else None
    complete = _complete(pinned, size=size, digest=digest, revision=revision)
    unknown = weights.bytes is None or len(weights.sha256 or "") < 64
    newly = unknown and lock.get(lock_key(weights)) is None
    if newly:
        first = lock.add(lock_key(weights), sha256=digest, size=size, revision=revision)
        # Another process may have met another file under this key a moment earlier.
        check_identity(path, replace(pinned, sha256=first.sha256), size=size, digest=digest)
    return Fetched(path, complete, newly)


def is_unsafe(weights: Weights) -> bool:
    """Tell whether a file is a pickle that could be anything.

    torchvision's are known by the digits that it publishes, in the file's own name.
    """
    digits = 8 if weights.source == "torchvision" else 64
    known = len(weights.sha256 or "") >= digits
    return weights.source != "none" and not (weights.file.endswith(SAFE_SUFFIX) or known)


def _pinned(weights: Weights, lock: Lock) -> Weights:
    """Fill what the registry leaves open with what the lock file knows."""
    known = lock.get(lock_key(weights))
    if known is None:
        return weights
    if weights.sha256 is not None and not known.sha256.startswith(weights.sha256):
        raise WeightsError(
            f"the registry says that {weights.location} has sha256 {weights.sha256[:16]}…, where "
            f"the file first fetched on {known.first_fetched:%Y-%m-%d} had {known.sha256[:16]}…",
            hint=f"trust one of them: mend the registry entry, or remove {lock_key(weights)!r} "
            f"from {lock.path}",
        )
    return replace(
        weights,
        sha256=known.sha256,
        bytes=weights.bytes or known.bytes,
        revision=weights.revision or known.revision,
    )


def _complete(weights: Weights, *, size: int, digest: str, revision: str | None) -> Weights:
    return replace(weights, sha256=digest, bytes=size, revision=revision or weights.revision)


def _commit_of(path: Path, file: str) -> str:
    """Read the commit off a file's place in the Hub's cache: `…/snapshots/COMMIT/FILE`."""
    return path.parents[len(Path(file).parts) - 1].name
