"""Adding images to a store, by one process at a time."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from zoo.data.pixels.signatures import MISSING
from zoo.data.pixels.store import RECORD, Store, checksum

_PATIENCE_S = 10.0
"""Longest wait for a turn; whoever adds the images of a step holds it for some hundredths."""
_LOOK_EVERY_S = 0.005


@contextmanager
def take_turn(store: Store) -> Iterator[None]:
    """Hold the store alone for a moment.

    Raises:
        OSError: The lock file cannot be written, or somebody else holds it all the time.
    """
    store.turn.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(store.turn, poll_interval=_LOOK_EVERY_S)
    try:
        lock.acquire(timeout=_PATIENCE_S)
    except Timeout as cause:
        raise OSError(errno.EBUSY, "another run holds the store") from cause
    try:
        yield
    finally:
        lock.release()


@contextmanager
def take_turn_if_free(store: Store) -> Iterator[bool]:
    """Hold the store alone, or tell that somebody else does."""
    lock = FileLock(store.turn)
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError):
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


class Writer:
    """Appends to a store that was begun; only whoever has the turn may hold one."""

    def __init__(self, store: Store) -> None:
        self._pixels = store.pixels.open("ab", buffering=0)
        self._index = store.index.open("ab", buffering=0)
        whole = _size_of(self._index) // RECORD.itemsize
        self._index.truncate(whole * RECORD.itemsize)

    def __enter__(self) -> Writer:
        """Begin to write."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the files."""
        self._pixels.close()
        self._index.close()

    def append(self, signature: np.void, pixels: NDArray[np.uint8]) -> None:
        """Add an image; readers see it whole or not at all.

        Raises:
            OSError: The disk refuses it; what was there before still is.
        """
        record = np.zeros(1, RECORD)[0]
        for field in signature.dtype.names or ():
            record[field] = signature[field]
        record["offset"] = _size_of(self._pixels)
        record["height"], record["width"], _ = pixels.shape
        record["crc"] = checksum(record, pixels)
        _write_all(self._pixels, pixels.data.cast("B"))
        _write_all(self._index, memoryview(record.tobytes()))

    def revoke(self, key: int) -> None:
        """Declare that what the store holds of a file is not to be used.

        Raises:
            OSError: The disk refuses it.
        """
        record = np.array((key, MISSING, MISSING, 0, 0, 0, 0), RECORD)
        _write_all(self._index, memoryview(record.tobytes()))


def _size_of(file: FileIO) -> int:
    return os.fstat(file.fileno()).st_size


def _write_all(file: FileIO, content: memoryview) -> None:
    """Append everything, or nothing that counts."""
    begun = _size_of(file)
    try:
        while content:
            content = content[file.write(content) :]
    except OSError:
        with suppress(OSError):
            file.truncate(begun)
        raise
