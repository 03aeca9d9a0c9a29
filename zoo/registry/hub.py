"""Registries on the Hub: fetched, and held to what their revision held before."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import hf_hub_download
from huggingface_hub.errors import RemoteEntryNotFoundError

from zoo.errors import RegistryError
from zoo.hub import HUB_FAILURES, reason_of
from zoo.hub.failures import advise
from zoo.registry.lock import Lock
from zoo.storage import sha256_of

FILE = "registry.json"


def fetch_registry(repo: str, revision: str | None, lock: Lock) -> tuple[Path, str]:
    """Download a repository's `registry.json`.

    A revision that was named must go on holding what it held when it was first fetched: a
    tag can be moved, and a server can answer a commit with anything.

    Returns:
        The file, and the commit it came from.

    Raises:
        RegistryError: It cannot be fetched, or its revision holds something else now.
    """
    name = f"{repo}@{revision}" if revision else repo
    try:
        path = Path(hf_hub_download(repo, FILE, revision=revision))
    except RemoteEntryNotFoundError:
        raise RegistryError(f"hub:{name} holds no {FILE}", hint="check the repository") from None
    except HUB_FAILURES as cause:
        raise RegistryError(
            f"cannot fetch the registry hub:{name}: {reason_of(cause)}",
            hint=advise(cause)
            or "check the name, the network and, for a private repository, `hf auth login`",
        ) from None
    commit = path.parent.name
    if revision is not None:
        digest = sha256_of(path)
        key = f"hub:{name}/{FILE}"
        known = lock.add(key, sha256=digest, size=path.stat().st_size, revision=commit)
        if known.sha256 != digest:
            raise RegistryError(
                f"hub:{name} has been changed: it held a registry with sha256 "
                f"{known.sha256[:16]}… on {known.first_fetched:%Y-%m-%d} and now holds "
                f"{digest[:16]}… (commit {commit[:12]})",
                hint=f"look at what changed; to accept it, remove {key!r} from {lock.path}",
            )
    return path, commit
