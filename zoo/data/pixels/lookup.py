"""Which images a store holds of files as they are, whoever adds to it or begins it again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from zoo.data.pixels.holding import Hold, hold
from zoo.data.pixels.live import LiveImages, Pixels
from zoo.data.pixels.reader import Reader
from zoo.data.pixels.signatures import Files, Signatures, sign_files


class Lookup:
    """Where in a store each image is."""

    def __init__(
        self, live: LiveImages, reader: Reader, signatures: Signatures, held: Hold | None
    ) -> None:
        self.reader = reader
        self._live = live
        self._held = held
        keys, first, place = np.unique(signatures["key"], return_index=True, return_inverse=True)
        self._keys = keys
        self._signatures = signatures[first]
        """Of each key, what its file was when it was last looked at; a file may be named twice."""
        self._place = place.astype(np.int32)
        """Where the key of each image stands among all."""
        self._rows = reader.find(self._signatures).astype(np.int32)
        """Of each key; -1 where the store lacks it."""

    @property
    def signatures(self) -> Signatures:
        """What the file of each image was when it was last looked at."""
        return self._signatures[self._place]

    def signature(self, index: int) -> np.void:
        """Say what the file of one image was when it was last looked at."""
        found: np.void = self._signatures[self._place[index]]
        return found

    def find_lacking(self, indices: Sequence[int]) -> set[int]:
        """Say which of these images are not in the store."""
        wanted = np.asarray(indices, dtype=np.int64)
        if (self._rows_of(wanted) < 0).any():
            self.look_again()
        return set(wanted[self._rows_of(wanted) < 0].tolist())

    def find_unchanged(self, indices: Sequence[int]) -> list[int]:
        """Say which files are what they were at the last look, and note what the others are."""
        places = self._place[indices]
        files = cast("Files", [self._live.files[index] for index in indices])
        now = sign_files(self._live.root, files)
        unchanged = now == self._signatures[places]
        self._signatures[places] = now
        return [index for index, same in zip(indices, unchanged, strict=True) if same]

    def view(self, index: int) -> Pixels | None:
        """View an image that the store does not lack, or nothing where it is damaged."""
        return self.reader.get(int(self._rows[self._place[index]]))

    def forget(self, index: int) -> None:
        """Take an image for lacking."""
        self._rows[self._place[index]] = -1

    def look_again(self) -> None:
        """Find what was added since the last look, and forget what was revoked."""
        if self._changed_stores():
            return
        rows = np.array(self.reader.look_again(), dtype=np.int64)
        added = self.reader.records[rows]
        at = np.searchsorted(self._keys, added["key"]).clip(max=len(self._keys) - 1)
        same = self.reader.holds(rows, self._signatures[at])
        revoked = (self._keys[at] == added["key"]) & (added["height"] == 0)
        changed = same | revoked
        # Of several records of one key the last one counts, as it does in this assignment.
        self._rows[at[changed]] = np.where(same, rows, -1)[changed]

    def _changed_stores(self) -> bool:
        """Go over to the store that took the place of this one, if there is another."""
        meta = self.reader.store.read_meta()
        if meta is None or meta.id == self.reader.id:
            return False
        held = hold(self.reader.store)
        reader = Reader.open(self.reader.store, self._live.identity)
        if reader is None:
            return False
        self.reader, self._held = reader, held
        self._rows = reader.find(self._signatures).astype(np.int32)
        return True

    def _rows_of(self, indices: NDArray[np.int64]) -> NDArray[np.int32]:
        return self._rows[self._place[indices]]
