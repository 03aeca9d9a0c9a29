"""Where training gets its pixels from: the files themselves, or a store of them.

Both give the same bytes, so that a run may lose its store half-way and go on.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from zoo.data.pixels.reader import Reader
from zoo.data.pixels.reduce import decode_reduced
from zoo.data.pixels.signatures import Files
from zoo.data.pixels.store import Store
from zoo.data.pixels.writer import Writer, take_turn_if_free


class PixelSource(Protocol):
    """Images by index, reduced; it can be sent to other processes."""

    def __len__(self) -> int:
        """Count the images."""

    def read(self, index: int) -> NDArray[np.uint8]:
        """Give one image: RGB [height, width, 3], read-only.

        Raises:
            UnreadableImageError: Its file has to be decoded and cannot be.
        """


class LivePixels:
    """Images decoded whenever they are asked for."""

    def __init__(self, files: Files, *, root: Path, side: int) -> None:
        self.files = files
        self.root = root
        self.side = side

    def __len__(self) -> int:
        return len(self.files)

    def read(self, index: int) -> NDArray[np.uint8]:
        """Decode one image; see `decode_reduced`."""
        return decode_reduced(self.path(index), self.side)

    def path(self, index: int) -> Path:
        """Say which file an image comes from."""
        return Path(os.path.join(self.root, self.files[index]))  # noqa: PTH118


class StoredPixels:
    """Images read from a store; the few that it lacks, or that are damaged, are decoded."""

    def __init__(self, live: LivePixels, reader: Reader, rows: NDArray[np.int64]) -> None:
        self.live = live
        self._reader = reader
        self._rows = rows.astype(np.int32)

    def __len__(self) -> int:
        return len(self.live)

    def __reduce__(self) -> tuple[object, ...]:
        """Send the place of the store, not what is in it."""
        return _reopen, (self.live, self._reader.store, self._reader.id, self._rows)

    @property
    def num_stored(self) -> int:
        """How many images need not be decoded."""
        return int((self._rows >= 0).sum())

    def read(self, index: int) -> NDArray[np.uint8]:
        """View one image in the store; its checksum is compared the first time."""
        row = int(self._rows[index])
        if row >= 0:
            pixels = self._reader.get(row)
            if pixels is not None:
                return pixels
            self._give_up(index, row)
        return self.live.read(index)

    def _give_up(self, index: int, row: int) -> None:
        """Decode a damaged image from now on, and have the next run store it anew."""
        self._rows[index] = -1
        store = self._reader.store
        with take_turn_if_free(store) as free, suppress(OSError):
            meta = store.read_meta()
            if free and meta is not None and meta.id == self._reader.id:
                with Writer(store) as writer:
                    writer.revoke(int(self._reader.records[row]["key"]))


def _reopen(live: LivePixels, store: Store, id: str, rows: NDArray[np.int64]) -> PixelSource:  # noqa: A002
    """Open the store in another process; if it is gone by then, decode."""
    reader = Reader.open(store)
    return live if reader is None or reader.id != id else StoredPixels(live, reader, rows)
