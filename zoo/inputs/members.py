"""Files inside tar archives, read where they lie."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path

MARK = "::"
"""Stands between an archive, a place in it and a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Where the bytes of one file lie in an archive that is not compressed.

    It is written like a path, so that whatever handles paths handles members:
    `shard-000.tar::1536+20480::cat/001.jpg`.
    """

    archive: Path
    offset: int
    """Of its first byte, from the start of the archive."""
    size: int
    """Bytes."""
    name: str
    """As the archive has it."""

    def __str__(self) -> str:
        return f"{self.archive.as_posix()}{MARK}{self.offset}+{self.size}{MARK}{self.name}"

    def read(self) -> bytes:
        """Read its bytes.

        Raises:
            OSError: The archive is missing or shorter than it was.
        """
        with self.archive.open("rb") as file:
            # Compared beforehand: Python makes room for as much as it is asked to read.
            if self.offset + self.size > os.fstat(file.fileno()).st_size:
                raise OSError(f"{self.archive} is cut short")
            file.seek(self.offset)
            return file.read(self.size)


def parse_member(path: str | Path) -> Member | None:
    """Read a path as a member of an archive; None if it is a plain file."""
    archive, mark, rest = str(path).partition(MARK)
    place, end, name = rest.partition(MARK)
    offset, _, size = place.partition("+")
    if not (mark and end and offset.isdecimal() and size.isdecimal()):
        return None
    return Member(archive=Path(archive), offset=int(offset), size=int(size), name=name)


def open_file(path: Path) -> io.BufferedReader | io.BytesIO:
    """Open a plain file or a member of an archive.

    Raises:
        OSError: It is not there, or cut short.
    """
    member = parse_member(path)
    return path.open("rb") if member is None else io.BytesIO(member.read())


def file_of(path: Path) -> Path:
    """The file on the disk that holds a path's bytes: itself, or its archive."""
    member = parse_member(path)
    return path if member is None else member.archive
