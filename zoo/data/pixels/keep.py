"""Where stores lie, how much they may take, and which of them have to go."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path

import platformdirs

from zoo.data.pixels.holding import take_if_unused
from zoo.data.pixels.store import SUFFIX, Identity, Store, find_live
from zoo.errors import DataError, StorageError

PART_OF_DISK = 0.8
"""Of what is free, or would be without the stores: the most that they may take."""

WAYS_OUT = "`zoo cache` lists what takes the room, and --cache-size gives more"
"""What to do where there is none."""

_UNITS = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


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
    """Delete the named stores, or all; those that somebody has open stay.

    Returns:
        The names of the stores that are gone.

    Raises:
        DataError: Names that no store has; nothing is deleted.
        StorageError: A store cannot be deleted.
    """
    stores = {store.name: store for store in _find_stores(folder)}
    if unknown := sorted(set(names) - set(stores)):
        near = [name for each in unknown for name in get_close_matches(each, stores, n=1)]
        guess = f"did you mean {', '.join(dict.fromkeys(near))}? " if near else ""
        raise DataError(
            f"no pixel store in {folder} is called {', '.join(unknown)}",
            hint=f"{guess}`zoo cache` lists those that there are",
        )
    return tuple(name for name in names or sorted(stores) if _remove(stores[name]))


def room_left(cache: CacheSettings) -> int:
    """Bytes that may still be written; negative where there are too many already."""
    used = sum(store.count_bytes() for store in _find_stores(cache.folder))
    free = shutil.disk_usage(cache.folder).free
    return min(cache.max_bytes, int(PART_OF_DISK * (free + used))) - used


def make_room(cache: CacheSettings, keep: Store, needed: int, *, root: str) -> None:
    """Delete the stores used longest ago until `needed` more bytes fit.

    Those that somebody has open stay, and those of the same data: what a run trains on and what
    it is validated on would else drive each other out, run after run. None is deleted where all
    others would not be enough.

    Args:
        cache: How much there may be.
        keep: For whom there is to be room.
        needed: Bytes.
        root: The folder of the data, as `Identity` has it.

    Raises:
        OSError: There is not enough room; its `strerror` says so in numbers.
        StorageError: A store cannot be deleted.
    """
    if needed <= (left := room_left(cache)):
        return
    with ExitStack() as taken:
        others = [
            store
            for store in sorted(_find_stores(cache.folder), key=_last_used)
            if store.folder != keep.folder
            and _root_of(store) != root
            and taken.enter_context(take_if_unused(store))
        ]
        most = left + sum(store.count_bytes() for store in others)
        if needed > most:
            raise _no_room(cache, needed, most)
        for store in others:
            if needed <= room_left(cache):
                return
            _delete(store)


def _no_room(cache: CacheSettings, needed: int, left: int) -> OSError:
    reason = (
        f"their pixels would take {in_words(needed)}, and {in_words(max(left, 0))} are left of "
        f"the {in_words(cache.max_bytes)} that the cache may take and of the disk; {WAYS_OUT}"
    )
    return OSError(errno.ENOSPC, reason)


def in_words(size_bytes: int) -> str:
    """Write a size as a user reads it."""
    name, unit = next((row for row in _UNITS if size_bytes >= row[1]), _UNITS[-1])
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


def _root_of(store: Store) -> str:
    meta = store.read_meta()
    return meta.identity.root if meta else ""


def _remove(store: Store) -> bool:
    """Delete a store, unless somebody has it open."""
    with take_if_unused(store) as unused:
        if unused:
            _delete(store)
        return unused


def _delete(store: Store) -> None:
    """Delete a store.

    Raises:
        StorageError: It cannot be.
    """
    try:
        store.remove()
    except OSError as cause:
        raise StorageError(store.folder, cause) from cause
