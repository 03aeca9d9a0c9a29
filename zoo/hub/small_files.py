"""Small files of a repository, which may have them or not, through the client's own cache."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import _CACHED_NO_EXIST, hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import RemoteEntryNotFoundError

from zoo.errors import WeightsError
from zoo.hub.cache import HUB_FAILURES, reason_of
from zoo.hub.failures import advise


def find_file(repo: str, name: str, revision: str | None, reference: str) -> Path | None:
    """Find a file in the Hub's cache, or download it there.

    Without a network, what the cache has counts; that a file is not there it remembers too.

    Args:
        repo: `org/name`.
        name: The file's.
        revision: A branch, a tag or a commit; None for the main branch.
        reference: What to call the repository in errors.

    Returns:
        `…/snapshots/COMMIT/NAME`; None if the repository has no file of that name.

    Raises:
        WeightsError: The Hub cannot be asked, or has no such repository or revision.
    """
    try:
        return Path(hf_hub_download(repo, name, revision=revision))
    except RemoteEntryNotFoundError:
        return None
    except HUB_FAILURES as cause:
        if try_to_load_from_cache(repo, name, revision=revision) is _CACHED_NO_EXIST:
            return None
        raise WeightsError(
            f"cannot fetch {reference}: {reason_of(cause)}",
            hint=advise(cause)
            or "check the name, the network and, for a private repository, `hf auth login`",
        ) from None
