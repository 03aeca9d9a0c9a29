"""Who has a store open: what is being read or filled is not deleted.

Each process that has a store open holds a shared lock on a file beside it, and whoever deletes the
store needs that lock alone. A process that is forked off holds it, too; whatever way a process
ends, its lock ends with it. Where there are no such locks, only who is writing is left alone.
"""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

from zoo.data.pixels.store import Store
from zoo.data.pixels.writer import take_turn_if_free


class Hold:
    """Keeps a store from being deleted as long as this is referenced, here or in a fork."""

    def __init__(self, file: int) -> None:
        # Closed and not unlocked: that would take the lock from the processes forked off.
        weakref.finalize(self, os.close, file)


def hold(store: Store) -> Hold | None:
    """Hold a store, which need not exist yet, or nothing where there are no locks.

    Whoever is deleting it at this moment is waited for.
    """
    try:
        store.users.parent.mkdir(parents=True, exist_ok=True)
        return Hold(_open_locked(store, alone=False))
    except OSError:
        return None


@contextmanager
def take_if_unused(store: Store) -> Iterator[bool]:
    """Have a store alone that nobody has open, or tell that somebody does."""
    try:
        file = _open_locked(store, alone=True)
    except OSError:
        yield False
        return
    try:
        with take_turn_if_free(store) as free:
            yield free
    finally:
        os.close(file)


def _open_locked(store: Store, *, alone: bool) -> int:
    """Open and lock the file that users of a store share.

    Raises:
        OSError: It cannot be written or locked, or somebody else holds it.
    """
    file = os.open(store.users, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _lock(file, alone=alone)
    except OSError:
        os.close(file)
        raise
    return file


if sys.platform == "win32":

    def _lock(file: int, *, alone: bool) -> None:
        """Do without: Windows itself refuses to delete what is mapped."""
else:
    import fcntl

    def _lock(file: int, *, alone: bool) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB if alone else fcntl.LOCK_SH)
