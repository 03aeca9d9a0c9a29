"""Files of one commit, all of them into a folder that appears whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from uuid import uuid4

from huggingface_hub import constants

from zoo.errors import RunError, StorageError
from zoo.hub.failures import explained
from zoo.hub.fetch import Wanted, bring, fetch
from zoo.hub.preflight import require_space

_AT_ONCE = 4
"""Files that are fetched at the same time."""


def require_free(folder: Path) -> None:
    """Make sure that a folder does not exist yet.

    Raises:
        RunError: It does.
    """
    if folder.exists():
        raise RunError(
            f"{folder} exists; what is pulled never overwrites anything", hint="choose another --to"
        )


def _in_parallel(repo: str, task: Callable[[Wanted], object], files: Iterable[Wanted]) -> None:
    """Do something for each file, the large ones first; the first failure ends it."""
    with explained(f"fetch {repo}"), ThreadPoolExecutor(_AT_ONCE) as threads:
        under_way = [threads.submit(task, file) for file in sorted(files, key=lambda f: -f.size)]
        try:
            for done in as_completed(under_way):
                done.result()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)


def bring_all(repo: str, commit: str, wanted: Iterable[Wanted], folder: Path) -> None:
    """Fetch files into the cache, then copy them to a folder that appears when all are there.

    Raises:
        RunError: The folder exists.
        StorageError: There is no room, or the disk refuses it.
        HubError: The Hub cannot be reached, or sends something else than it should.
    """
    require_free(folder)
    wanted = tuple(wanted)
    size = sum(file.size for file in wanted)
    require_space(Path(constants.HF_HUB_CACHE), size)
    require_space(folder, size)
    _in_parallel(repo, lambda file: fetch(repo, commit, file), wanted)
    staged = folder.with_name(f".{folder.name}.{uuid4().hex}.part")
    try:
        _in_parallel(repo, lambda file: bring(repo, commit, file, staged / file.name), wanted)
        require_free(folder)
        try:
            staged.rename(folder)
        except OSError as cause:
            raise StorageError(folder, cause) from cause
    finally:
        shutil.rmtree(staged, ignore_errors=True)
