"""Images read from a store, which keeps what it lacked as soon as that is decoded.

The bytes are those of the files, so that a run may lose its store half-way and go on.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from zoo.data.pixels.holding import hold
from zoo.data.pixels.keep import PART_OF_DISK, WAYS_OUT, CacheSettings, in_words, room_left
from zoo.data.pixels.live import Found, LiveImages, Pixels
from zoo.data.pixels.lookup import Lookup
from zoo.data.pixels.reader import FoundStore, Reader
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
        lookup: Lookup,
        *,
        cache: CacheSettings,
        progress: Progress | None = None,
        trouble: str = "",
    ) -> None:
        self.live = live
        self.trouble = trouble
        """Why nothing is added any more; empty as long as there is no reason."""
        self._lookup = lookup
        self._cache = cache
        self._progress: Progress = progress or Silence()
        self._told = False

    def __len__(self) -> int:
        return len(self.live)

    def __reduce__(self) -> tuple[object, ...]:
        """Send the place of the store, not what is in it."""
        reader, signatures = self._lookup.reader, self._lookup.signatures
        sent = (self.live, reader.store, reader.found, signatures, self._cache, self.trouble)
        return _reopen, sent

    @property
    def num_stored(self) -> int:
        """How many images need not be decoded."""
        self._lookup.look_again()
        return len(self) - len(self.find_lacking(range(len(self))))

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

        The checksum of an image that was there before this run is compared the first time that
        it is viewed.
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
        return self._lookup.find_lacking(indices)

    def keep(self, images: Mapping[int, Pixels]) -> None:
        """Add decoded images that nobody else has added meanwhile, if they can be.

        Those whose files have changed since they were last looked at may be of before or of
        after the change: they are not kept. Whoever decodes them next looks anew.
        """
        certain = [] if self.trouble else self._lookup.find_unchanged([*images])
        if not certain:
            return
        try:
            with take_turn(self._lookup.reader.store):
                self._begin_again_if_gone()
                try:
                    self._append({at: images[at] for at in self.find_lacking(certain)})
                finally:
                    self._lookup.look_again()
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
        pixels = self._lookup.view(index)
        if pixels is None:
            self._give_up(index)
        return pixels

    def _give_up(self, index: int) -> None:
        """Have a damaged image decoded, and stored anew, by whoever needs it next."""
        self._lookup.forget(index)
        reader = self._lookup.reader
        with take_turn_if_free(reader.store) as free, suppress(OSError):
            meta = reader.store.read_meta()
            if free and meta is not None and meta.id == reader.id:
                with Writer(reader.store) as writer:
                    writer.revoke(int(self._lookup.signature(index)["key"]))

    def _begin_again_if_gone(self) -> None:
        """Make up for a store that was deleted meanwhile; only who has the turn may.

        Raises:
            OSError: It cannot be written.
            StorageError: Likewise.
        """
        store, identity = self._lookup.reader.store, self.live.identity
        if Reader.open(store, identity) is None:
            store.begin(identity)
        self._lookup.look_again()

    def _append(self, images: Mapping[int, Pixels]) -> None:
        """Write images as long as there is room, each file once.

        Raises:
            OSError: The disk or the cache is full; what was written before counts.
        """
        left = room_left(self._cache)
        written: set[int] = set()
        with Writer(self._lookup.reader.store) as writer:
            for index, pixels in images.items():
                signature = self._lookup.signature(index)
                if int(signature["key"]) in written:
                    continue
                left -= pixels.nbytes
                if left < 0:
                    limit = f"it may take {in_words(self._cache.max_bytes)}"
                    raise OSError(
                        errno.ENOSPC,
                        f"the cache is full: {limit} and {PART_OF_DISK:.0%} of the disk; "
                        f"{WAYS_OUT}",
                    )
                writer.append(signature, pixels)
                written.add(int(signature["key"]))


def _reopen(
    live: LiveImages,
    store: Store,
    found: FoundStore,
    signatures: Signatures,
    cache: CacheSettings,
    trouble: str,
) -> StoredPixels:
    """Open the store in another process; if it is gone by then, it is begun again."""
    held = hold(store)
    reader = Reader.open(store, live.identity) or Reader.of_nothing(store)
    reader.trust(found)
    lookup = Lookup(live, reader, signatures, held)
    return StoredPixels(live, lookup, cache=cache, trouble=trouble)
