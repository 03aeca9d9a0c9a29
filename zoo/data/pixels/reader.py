"""Reading images out of a store, checked, without copying them."""

from __future__ import annotations

import mmap

import numpy as np
from numpy.typing import NDArray

from zoo.data.pixels.signatures import Signatures
from zoo.data.pixels.store import Records, Store, checksum, find_live

_KEEP_MAPPED = 1 << 28
"""Bytes read after which the mapped pages are handed back; the system still caches them."""


class Reader:
    """A store as it was when it was opened; what is added later is not seen."""

    def __init__(self, store: Store, id: str, records: Records, pixels: mmap.mmap) -> None:  # noqa: A002
        self.store = store
        self.id = id
        self.records = records
        self._pixels = pixels
        self._mapped = 0
        self._sound = np.zeros(len(records), dtype=bool)

    @staticmethod
    def open(store: Store) -> Reader | None:
        """Open a store, or nothing where there is none that can be used."""
        meta = store.read_meta()
        records = store.read_records()
        if meta is None or not len(records):
            return None
        try:
            with store.pixels.open("rb") as file:
                pixels = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError):
            return None
        return Reader(store, meta.id, records, pixels)

    def find(self, signatures: Signatures) -> NDArray[np.int64]:
        """Look up the row of each file as it is now; -1 where the store lacks it."""
        live = find_live(self.records)
        if not len(live):
            return np.full(len(signatures), -1)
        keys = self.records["key"][live]
        at = np.searchsorted(keys, signatures["key"]).clip(max=len(live) - 1)
        rows: NDArray[np.int64] = live[at]
        found = self.records[rows]
        same = _ends(found) <= len(self._pixels)
        for field in signatures.dtype.names or ():
            same &= found[field] == signatures[field]
        return np.where(same, rows, -1)

    def get(self, row: int) -> NDArray[np.uint8] | None:
        """View an image's pixels [height, width, 3], or nothing where they are damaged.

        The checksum is compared when this process first reads an image; it takes a quarter of
        the time that augmenting one does.
        """
        record = self.records[row]
        height, width = int(record["height"]), int(record["width"])
        offset, size = int(record["offset"]), 3 * height * width
        self._announce(offset, size)
        pixels = np.frombuffer(self._pixels, np.uint8, size, offset)
        if not self._sound[row]:
            if checksum(record, pixels) != record["crc"]:
                return None
            self._sound[row] = True
        self._hand_back(size)
        return pixels.reshape(height, width, 3)

    def _announce(self, offset: int, size: int) -> None:
        """Have the disk bring a whole image at once: page by page takes twice as long."""
        if hasattr(mmap, "MADV_WILLNEED"):
            begin = offset - offset % mmap.PAGESIZE
            self._pixels.madvise(mmap.MADV_WILLNEED, begin, offset + size - begin)

    def _hand_back(self, size: int) -> None:
        """Keep resident memory small however many images were read."""
        self._mapped += size
        if self._mapped > _KEEP_MAPPED and hasattr(mmap, "MADV_DONTNEED"):
            self._pixels.madvise(mmap.MADV_DONTNEED)
            self._mapped = 0


def _ends(records: Records) -> NDArray[np.int64]:
    """Where the pixels of each record end; beyond any file where it makes no sense."""
    height, width = (records[side].astype(np.int64) for side in ("height", "width"))
    ends: NDArray[np.int64] = records["offset"] + 3 * height * width
    sound = (records["offset"] >= 0) & (height > 0) & (width > 0)
    return np.where(sound, ends, np.iinfo(np.int64).max)
