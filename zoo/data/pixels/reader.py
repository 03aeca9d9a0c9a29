"""Reading images out of a store, checked, without copying them."""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoo.data.pixels.signatures import Signatures
from zoo.data.pixels.store import RECORD, Identity, Records, Store, checksum, find_live

_KEEP_MAPPED = 1 << 28
"""Bytes read after which the mapped pages are handed back; the system still caches them."""

_BLOCK = 1 << 16
"""Files looked up at once; a million at once would take more memory than their names."""

Mapped = mmap.mmap | bytes
"""The pixels of a store; none yet cannot be mapped."""


@dataclass(frozen=True, slots=True)
class FoundStore:
    """What a run found of a store when it opened it."""

    id: str
    num_records: int
    """Those that may have been through a power cut; what came later was written meanwhile."""


class Reader:
    """A store as it was when it was opened, or looked at again."""

    def __init__(self, store: Store, id: str, records: Records, pixels: Mapped) -> None:  # noqa: A002
        self.store = store
        self.id = id
        self.records = records
        self._pixels = pixels
        self._mapped = 0
        self._unproved = np.ones(len(records), dtype=bool)
        """Of the records that the run found, those whose checksum was not compared yet."""

    @staticmethod
    def open(store: Store, identity: Identity) -> Reader | None:
        """Open a store, or nothing where there is none of this identity that can be used."""
        meta = store.read_meta()
        if meta is None or meta.identity != identity:
            return None
        content = _read(store, meta.id)
        return None if content is None else Reader(store, meta.id, *content)

    @property
    def found(self) -> FoundStore:
        """What to tell another process of this run; see `trust`."""
        return FoundStore(self.id, len(self._unproved))

    def trust(self, found: FoundStore) -> None:
        """Compare no checksum of what was added since this process's run opened the store."""
        if found.id == self.id:
            self._unproved = self._unproved[: found.num_records]

    @staticmethod
    def of_nothing(store: Store) -> Reader:
        """Stand for a store that is not there."""
        return Reader(store, "", np.empty(0, RECORD), b"")

    def look_again(self) -> range:
        """See what was added since; rows that there were stay what they were.

        Returns:
            The rows that are new; none where the store is not there any more.
        """
        before = len(self.records)
        content = _read(self.store, self.id, unless=before)
        if content is not None:
            self.records, self._pixels = content
        return range(before, len(self.records))

    def find(self, signatures: Signatures) -> NDArray[np.int64]:
        """Look up the row of each file as it is now; -1 where the store lacks it."""
        found = np.full(len(signatures), -1)
        live = find_live(self.records)
        if not len(live):
            return found
        keys = self.records["key"][live]
        for begin in range(0, len(signatures), _BLOCK):
            block = slice(begin, begin + _BLOCK)
            wanted = signatures[block]
            rows = live[np.searchsorted(keys, wanted["key"]).clip(max=len(live) - 1)]
            found[block] = np.where(self.holds(rows, wanted), rows, -1)
        return found

    def holds(self, rows: NDArray[np.int64], signatures: Signatures) -> NDArray[np.bool_]:
        """Tell of each row whether it is of a file as it is now, and has its pixels."""
        found = self.records[rows]
        same: NDArray[np.bool_] = _ends(found) <= len(self._pixels)
        for field in signatures.dtype.names or ():
            same &= found[field] == signatures[field]
        return same

    def get(self, row: int) -> NDArray[np.uint8] | None:
        """View an image's pixels [height, width, 3], or nothing where they are damaged.

        The checksum is compared when this process first reads an image that was there before
        its run; it takes a quarter of the time that augmenting one does.
        """
        record = self.records[row]
        height, width = int(record["height"]), int(record["width"])
        offset, size = int(record["offset"]), 3 * height * width
        self._announce(offset, size)
        pixels = np.frombuffer(self._pixels, np.uint8, size, offset)
        if row < len(self._unproved) and self._unproved[row]:
            if checksum(record, pixels) != record["crc"]:
                return None
            self._unproved[row] = False
        self._hand_back(size)
        return pixels.reshape(height, width, 3)

    def _announce(self, offset: int, size: int) -> None:
        """Have the disk bring a whole image at once: page by page takes twice as long."""
        if isinstance(self._pixels, mmap.mmap) and hasattr(mmap, "MADV_WILLNEED"):
            begin = offset - offset % mmap.PAGESIZE
            self._pixels.madvise(mmap.MADV_WILLNEED, begin, offset + size - begin)

    def _hand_back(self, size: int) -> None:
        """Keep resident memory small however many images were read."""
        self._mapped += size
        if self._mapped > _KEEP_MAPPED and hasattr(mmap, "MADV_DONTNEED"):
            if isinstance(self._pixels, mmap.mmap):
                self._pixels.madvise(mmap.MADV_DONTNEED)
            self._mapped = 0


def _read(store: Store, id: str, *, unless: int = -1) -> tuple[Records, Mapped] | None:  # noqa: A002
    """Map the records and the pixels of one and the same store.

    Another one may take its place between one file and the next. Its note is the first that goes
    and never comes back, so that whatever is opened while that is there belongs together.

    Args:
        store: Where it lies.
        id: Which one it has to be.
        unless: That many records are not worth it.
    """
    records = store.read_records()
    if len(records) <= unless:
        return None
    pixels, meta = _map(store), store.read_meta()
    return None if pixels is None or meta is None or meta.id != id else (records, pixels)


def _map(store: Store) -> Mapped | None:
    """Map the pixels of a store, or nothing where there are none to be had."""
    try:
        with store.pixels.open("rb") as file:
            if not os.fstat(file.fileno()).st_size:
                return b""
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):
        return None


def _ends(records: Records) -> NDArray[np.int64]:
    """Where the pixels of each record end; beyond any file where it makes no sense."""
    height, width = (records[side].astype(np.int64) for side in ("height", "width"))
    ends: NDArray[np.int64] = records["offset"] + 3 * height * width
    sound = (records["offset"] >= 0) & (height > 0) & (width > 0)
    return np.where(sound, ends, np.iinfo(np.int64).max)
