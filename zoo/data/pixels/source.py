"""Images read from a store, which keeps what it lacked as soon as that is decoded.

The bytes are those of the files, so that a run may lose its store half-way and go on.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoo.data.pixels.keep import PART_OF_DISK, CacheSettings, room_left
from zoo.data.pixels.live import Found, LiveImages, Pixels
from zoo.data.pixels.reader import Reader
from zoo.data.pixels.signatures import Signatures
from zoo.data.pixels.store import Store
from zoo.data.pixels.writer import Writer, take_turn, take_turn_if_free
from zoo.errors import StorageError
from zoo.inputs.image import UnreadableImageError
from zoo.progress import Progress, Silence


class StoredPixels:
    """Images of a store; those that it lacks, or that are damaged, are decoded into it.

    Any number of processes may read and add at once: each holds the store for the moment that
    it takes to append what it has decoded, and looks first at what others have added.
    """

    def __init__(
        self,
        live: LiveImages,
        reader: Reader,
        signatures: Signatures,
        *,
        cache: CacheSettings,
        progress: Progress | None = None,
        trouble: str = "",
    ) -> None:
        self.live = live
        self.trouble = trouble
        """Why nothing is added any more; empty as long as there is no reason."""
        self._reader = reader
        self._signatures = signatures
        keys, first, place = np.unique(signatures["key"], return_index=True, return_inverse=True)
        self._keys = keys
        self._first = first.astype(np.int32)
        """An image of each key; a file may be named twice."""
        self._place = place.astype(np.int32)
        """Where the key of each image stands among all."""
        self._rows = reader.find(signatures[first]).astype(np.int32)
        """Of each key; -1 where the store lacks it."""
        self._cache = cache
        self._progress: Progress = progress or Silence()
        self._told = False

    def __len__(self) -> int:
        return len(self.live)

    def __reduce__(self) -> tuple[object, ...]:
        """Send the place of the store, not what is in it."""
        reader = self._reader
        facts = (self.live, reader.store, reader.id, self._signatures, self._cache, self.trouble)
        return _reopen, facts

    @property
    def num_stored(self) -> int:
        """How many images need not be decoded."""
        self._look_again()
        return int((self._rows[self._place] >= 0).sum())

    def path(self, index: int) -> Path:
        """Say which file an image comes from."""
        return self.live.path(index)

    def read(self, index: int) -> Pixels:
        """View one image in the store, or decode it.

        Raises:
            UnreadableImageError: Its file has to be decoded and cannot be.
        """
        found = self.read_many([index])
        if index in found.unreadable:
            raise UnreadableImageError(found.unreadable[index])
        return found.pixels[index]

    def read_many(self, indices: Sequence[int], *, threads: int = 1) -> Found:
        """View some images in the store; decode the others and keep them.

        The checksum of an image is compared the first time that it is viewed.
        """
        lacking = self.find_lacking(indices)
        pixels: dict[int, Pixels] = {}
        for index in dict.fromkeys(indices):
            view = None if index in lacking else self._view(index)
            if view is None:
                lacking.add(index)
            else:
                pixels[index] = view
        if not lacking:
            return Found(pixels=pixels, unreadable={}, trouble=self.trouble)
        wanted = [index for index in dict.fromkeys(indices) if index in lacking]
        decoded = self.live.read_many(wanted, threads=threads)
        self.keep(decoded.pixels)
        return Found(
            pixels=pixels | decoded.pixels, unreadable=decoded.unreadable, trouble=self.trouble
        )

    def find_lacking(self, indices: Sequence[int]) -> set[int]:
        """Say which of these images are not in the store."""
        wanted = np.asarray(indices, dtype=np.int64)
        if (self._rows_of(wanted) < 0).any():
            self._look_again()
        return set(wanted[self._rows_of(wanted) < 0].tolist())

    def keep(self, images: Mapping[int, Pixels]) -> None:
        """Add decoded images that nobody else has added meanwhile, if they can be."""
        if self.trouble or not images:
            return
        try:
            with take_turn(self._reader.store):
                self._require_same_store()
                try:
                    self._append({at: images[at] for at in self.find_lacking([*images])})
                finally:
                    self._look_again()
        except StorageError as cause:
            self.trouble = cause.problem
        except OSError as cause:
            self.trouble = cause.strerror or str(cause)

    def hear(self, trouble: str) -> None:
        """Tell the user once that images are not kept, and stop trying."""
        if trouble and not self._told:
            self._told = True
            self.trouble = trouble
            self._progress.note(
                f"note: {len(self) - self.num_stored:,} of {len(self):,} images are not kept in "
                f"the pixel cache and decoded whenever they are needed: {trouble}"
            )

    def _view(self, index: int) -> Pixels | None:
        row = int(self._rows[self._place[index]])
        pixels = self._reader.get(row)
        if pixels is None:
            self._give_up(index, row)
        return pixels

    def _give_up(self, index: int, row: int) -> None:
        """Have a damaged image decoded, and stored anew, by whoever needs it next."""
        self._rows[self._place[index]] = -1
        store = self._reader.store
        with take_turn_if_free(store) as free, suppress(OSError):
            meta = store.read_meta()
            if free and meta is not None and meta.id == self._reader.id:
                with Writer(store) as writer:
                    writer.revoke(int(self._reader.records[row]["key"]))

    def _require_same_store(self) -> None:
        meta = self._reader.store.read_meta()
        if meta is None or meta.id != self._reader.id:
            raise OSError(errno.ENOENT, "the store was deleted meanwhile")

    def _append(self, images: Mapping[int, Pixels]) -> None:
        """Write images as long as there is room, each file once.

        Raises:
            OSError: The disk or the cache is full; what was written before counts.
        """
        left = room_left(self._cache)
        written: set[int] = set()
        with Writer(self._reader.store) as writer:
            for index, pixels in images.items():
                signature = self._signatures[index]
                if int(signature["key"]) in written:
                    continue
                left -= pixels.nbytes
                if left < 0:
                    limit = f"it may take {self._cache.max_bytes / 1e9:,.1f} GB"
                    raise OSError(
                        errno.ENOSPC,
                        f"the cache is full; {limit} and {PART_OF_DISK:.0%} of the disk",
                    )
                writer.append(signature, pixels)
                written.add(int(signature["key"]))

    def _look_again(self) -> None:
        """Find the rows of what was added since the last look, and forget what was revoked."""
        rows = np.array(self._reader.look_again(), dtype=np.int64)
        added = self._reader.records[rows]
        at = np.searchsorted(self._keys, added["key"]).clip(max=len(self._keys) - 1)
        same = self._reader.holds(rows, self._signatures[self._first[at]])
        revoked = (self._keys[at] == added["key"]) & (added["height"] == 0)
        changed = same | revoked
        # Of several records of one key the last one counts, as it does in this assignment.
        self._rows[at[changed]] = np.where(same, rows, -1)[changed]

    def _rows_of(self, indices: NDArray[np.int64]) -> NDArray[np.int32]:
        return self._rows[self._place[indices]]


def _reopen(
    live: LiveImages,
    store: Store,
    id: str,  # noqa: A002
    signatures: Signatures,
    cache: CacheSettings,
    trouble: str,
) -> LiveImages | StoredPixels:
    """Open the store in another process; if it is gone by then, decode."""
    reader = Reader.open(store)
    if reader is None or reader.id != id:
        return live
    return StoredPixels(live, reader, signatures, cache=cache, trouble=trouble)
