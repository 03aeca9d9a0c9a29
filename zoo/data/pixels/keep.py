"""Where stores lie, how much they may take, and which of them have to go."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import platformdirs

from zoo.data.pixels.store import SUFFIX, Identity, Store, find_live
from zoo.data.pixels.writer import take_turn_if_free
from zoo.errors import DataError, StorageError

PART_OF_DISK = 0.8
"""Of what is free, or would be without the stores: the most that they may take."""


def default_folder() -> Path:
    """The user's own cache folder."""
    return platformdirs.user_cache_path("zoo") / "pixels"


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    """Where pixels may be kept, and how many."""

    folder: Path = field(default_factory=default_folder)
    max_bytes: int = 20_000_000_000
    """Of all stores together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFacts:
    """One store, as a user sees it."""

    name: str
    root: str
    """The folder of the data; empty where the store's note is damaged."""
    side: int
    """Short side of the images, pixels; 0 where the note is damaged."""
    images: int
    bytes: int
    last_used: datetime


def store_of(cache: CacheSettings, identity: Identity) -> Store:
    """Say where a store of this identity belongs."""
    return Store(cache.folder / f"{identity.name}{SUFFIX}")


def list_stores(folder: Path) -> tuple[StoreFacts, ...]:
    """Describe all stores, the last used first."""
    facts = (_describe(store) for store in _find_stores(folder))
    return tuple(sorted(facts, key=lambda store: store.last_used, reverse=True))


def remove_stores(folder: Path, names: Sequence[str] = ()) -> tuple[str, ...]:
    """Delete the named stores, or all; those that a run is writing at this moment stay.

    Returns:
        The names of the stores that are gone.

    Raises:
        DataError: Names that no store has; nothing is deleted.
        StorageError: A store cannot be deleted.
    """
    stores = {store.name: store for store in _find_stores(folder)}
    if unknown := sorted(set(names) - set(stores)):
        raise DataError(
            f"no pixel store in {folder} is called {', '.join(unknown)}",
            hint=f"there are {', '.join(sorted(stores)) or 'none'}; `zoo cache` lists them",
        )
    return tuple(name for name in names or sorted(stores) if _remove(stores[name]))


def room_left(cache: CacheSettings) -> int:
    """Bytes that may still be written; negative where there are too many already."""
    used = sum(store.count_bytes() for store in _find_stores(cache.folder))
    free = shutil.disk_usage(cache.folder).free
    return min(cache.max_bytes, int(PART_OF_DISK * (free + used))) - used


def make_room(cache: CacheSettings, keep: Store, needed: int) -> None:
    """Delete the stores used longest ago until `needed` more bytes fit; never `keep`.

    None is deleted where that would not be enough.

    Raises:
        OSError: There is not enough room; its `strerror` says so in numbers.
    """
    others = [store for store in _find_stores(cache.folder) if store.folder != keep.folder]
    others.sort(key=_last_used)
    left = room_left(cache)
    most = left + sum(store.count_bytes() for store in others)
    if needed > most:
        raise _no_room(cache, needed, most)
    for store in others:
        if needed <= room_left(cache):
            return
        _remove(store)
    if needed > (left := room_left(cache)):
        raise _no_room(cache, needed, left)


def _no_room(cache: CacheSettings, needed: int, left: int) -> OSError:
    reason = (
        f"their pixels would take {_in_words(needed)}, and {_in_words(max(left, 0))} are left of "
        f"the {_in_words(cache.max_bytes)} that the cache may take and of the disk"
    )
    return OSError(errno.ENOSPC, reason)


def _in_words(size_bytes: int) -> str:
    unit, name = (1e9, "GB") if size_bytes >= 1e9 else (1e6, "MB")
    return f"{size_bytes / unit:,.1f} {name}"


def _find_stores(folder: Path) -> list[Store]:
    stores = (Store(entry) for entry in folder.glob(f"*{SUFFIX}") if entry.is_dir())
    return [store for store in stores if store.count_bytes()]


def _last_used(store: Store) -> float:
    try:
        return store.meta.stat().st_mtime
    except OSError:
        return 0.0


def _describe(store: Store) -> StoreFacts:
    meta = store.read_meta()
    return StoreFacts(
        name=store.name,
        root=meta.identity.root if meta else "",
        side=meta.identity.side if meta else 0,
        images=len(find_live(store.read_records())) if meta else 0,
        bytes=store.count_bytes(),
        last_used=datetime.fromtimestamp(_last_used(store), UTC),
    )


def _remove(store: Store) -> bool:
    """Delete a store, unless somebody is writing it."""
    with take_turn_if_free(store) as free:
        if free:
            try:
                store.remove()
            except OSError as cause:
                raise StorageError(store.folder, cause) from cause
        return free
