"""Adding images to a store, by one process at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from zoo.data.pixels.signatures import MISSING
from zoo.data.pixels.store import RECORD, Store, checksum
from zoo.progress import Progress


@contextmanager
def take_turn(store: Store, progress: Progress) -> Iterator[None]:
    """Hold the store alone; whoever has to wait for it says so.

    Raises:
        OSError: The lock file cannot be written.
    """
    store.turn.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(store.turn)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress.note(f"another run is writing the pixel cache {store.name}; waiting for it")
        lock.acquire()
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
