"""A store on disk: one file of pixels, one of records, and a note of what they are.

Both files only ever grow. An image's pixels are written before its record, so that whatever
moment the writer is killed at, each record has its pixels; the last record of a key counts. Nothing
is flushed to the disk itself: what a power cut takes away does not match its checksum.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal
from uuid import uuid4
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter, ValidationError

from zoo.data.pixels.signatures import SIGNATURE
from zoo.storage import write_bytes

SUFFIX = ".pixels"
"""Of every store's folder; nothing else is ever removed."""

RECORD = np.dtype(
    [
        *SIGNATURE.descr,
        ("offset", "<i8"),
        ("height", "<i4"),
        ("width", "<i4"),
        ("crc", "<u4"),
    ]
)
"""Where the pixels of a file begin, their shape, and the CRC-32 of record and pixels; height 0
revokes what earlier records of the key say."""

Records = NDArray[np.void]
"""Structured, of dtype `RECORD`."""

_CRC_AT = RECORD.itemsize - 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What the images of one store have in common."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    root: str
    """The data's folder, as text."""
    side: int
    """The short side that images are reduced to, pixels."""
    decoder: str
    """What decoded them: see `describe_decoder`."""
    format: Literal[1] = 1

    @property
    def name(self) -> str:
        """The store's own name: readable, and of no other identity."""
        facts = "\n".join((self.root, str(self.side), self.decoder, str(self.format)))
        words = re.sub(r"[^A-Za-z0-9._-]+", "_", Path(self.root).name)[:40]
        return f"{words}-{self.side}-{sha256(facts.encode()).hexdigest()[:12]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """What stands beside the pixels."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    id: str
    """Of this store and not of one that took its place; 32 hex digits."""
    identity: Identity


_META = TypeAdapter(Meta)


@dataclass(frozen=True, slots=True)
class Store:
    """The place of a store, which need not exist yet."""

    folder: Path

    @property
    def name(self) -> str:
        """What a user calls it."""
        return self.folder.name.removesuffix(SUFFIX)

    @property
    def pixels(self) -> Path:
        """uint8, one image [height, width, 3] after another."""
        return self.folder / "pixels.u8"

    @property
    def index(self) -> Path:
        """`RECORD` after `RECORD`."""
        return self.folder / "index.bin"

    @property
    def meta(self) -> Path:
        """JSON; its time of change is when the store was last used."""
        return self.folder / "store.json"

    @property
    def turn(self) -> Path:
        """The lock file that writers take turns by; it outlives the store."""
        return self.folder.with_name(f".{self.folder.name}.turn")

    @property
    def users(self) -> Path:
        """The lock file that all who have the store open share; it outlives the store, too."""
        return self.folder.with_name(f".{self.folder.name}.users")

    def read_meta(self) -> Meta | None:
        """Say what the store is, or nothing where there is none that can be used."""
        try:
            return _META.validate_json(self.meta.read_bytes())
        except (OSError, ValidationError):
            return None

    def begin(self, identity: Identity) -> None:
        """Put an empty store in place of whatever is there.

        Raises:
            OSError: It cannot be written.
            StorageError: Likewise.
        """
        self.remove()
        self.folder.mkdir(parents=True)
        meta = Meta(id=uuid4().hex, identity=identity)
        for file in (self.pixels, self.index):
            file.touch()
        write_bytes(self.meta, _META.dump_json(meta, indent=2) + b"\n")

    def remove(self) -> None:
        """Delete it; who reads it at this moment goes on reading (not on Windows).

        Raises:
            OSError: It cannot be deleted.
        """
        for file in (self.meta, self.index, self.pixels, *self.folder.glob(".store.json.*.part")):
            file.unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            self.folder.rmdir()

    def touch(self) -> None:
        """Remember that it was used, where that can be written."""
        with suppress(OSError):
            os.utime(self.meta)

    def count_bytes(self) -> int:
        """Add up its files."""
        total = 0
        for file in (self.meta, self.index, self.pixels):
            with suppress(OSError):
                total += file.stat().st_size
        return total

    def read_records(self) -> Records:
        """Map the records; one that is only half written is left out."""
        try:
            count = self.index.stat().st_size // RECORD.itemsize
            if count:
                return np.memmap(self.index, RECORD, "r", shape=(count,))
        except OSError:
            pass
        return np.empty(0, RECORD)


def find_live(records: Records) -> NDArray[np.int64]:
    """List the rows that count: the last of each key, in the order of the keys."""
    _, from_end = np.unique(records["key"][::-1], return_index=True)
    rows: NDArray[np.int64] = len(records) - 1 - from_end
    return rows[records["height"][rows] > 0]


def checksum(record: np.void, pixels: NDArray[np.uint8]) -> int:
    """Compute what a record's `crc` has to be."""
    return crc32(pixels.data, crc32(record.tobytes()[:_CRC_AT]))
