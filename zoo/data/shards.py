"""Tar shards in the layout of WebDataset, as a table whose images lie inside the archives.

Files of one sample follow each other and share a name up to its first dot: `0001.jpg`,
`0001.cls`, `0001.json`. The archives are read through once for their headers; afterwards each
image is read from its place, and nothing is unpacked.
"""

from __future__ import annotations

import json
import os
import re
import tarfile
from collections.abc import Iterator, Sequence
from io import BufferedReader
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa

from zoo.data.folder import SPLIT_FOLDERS
from zoo.data.tables.read import Table
from zoo.errors import DataError
from zoo.inputs.image import is_image
from zoo.inputs.members import Member

_IMAGE = "image"
_SPLIT = "split"
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
_TEXTS = frozenset(["cls", "txt", "text", "label", "caption"])
"""Files beside an image whose whole content is one cell."""

_LONGEST_TEXT = 1 << 24
"""Bytes of a file beside an image; a header can claim any number."""


def find_shards(source: str | Path) -> list[Path]:
    """Find the archives that a folder, a file or a pattern like `{000..003}.tar` names.

    Returns:
        Their absolute paths in order; none if the source is something else.

    Raises:
        DataError: A shard that a pattern names is not there.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        return sorted(shard.resolve() for shard in path.rglob("*.tar"))
    if path.suffix != ".tar":
        return []
    shards = [Path(name).resolve() for name in _expand(str(path))]
    if missing := [shard for shard in shards if not shard.is_file()]:
        raise DataError(f"{len(missing)} of {len(shards)} shards do not exist: {missing[0]} …")
    return shards


def read_shards(shards: Sequence[Path]) -> Table:
    """Read what lies beside the images: `cls`, `txt` and the fields of `json` are columns.

    Where every shard's name or folder says of which split it is, a column says so of its rows.

    Args:
        shards: At least one plain .tar archive, absolute; not compressed.

    Raises:
        DataError: An archive that is damaged or compressed, or no image in any of them.
    """
    root = Path(os.path.commonpath([shard.parent for shard in shards]))
    splits = [_split_of(shard.relative_to(root)) for shard in shards]
    tables = []
    for shard, split in zip(shards, splits, strict=True):
        table = _to_table(_read_samples(shard, root), shard)
        if all(splits) and len(table):
            table = table.append_column(_SPLIT, pa.array([split] * len(table)))
        tables.append(table)
    try:
        columns = pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as cause:
        raise DataError(f"the shards of {root} disagree about a column: {cause}") from cause
    if not len(columns):
        raise DataError(
            f"no image in {len(shards)} shards of {root}",
            hint="a sample is files of one name, one of them an image: 0001.jpg, 0001.cls",
        )
    return Table(path=root / "*.tar", columns=columns)


def _expand(pattern: str) -> Iterator[str]:
    found = _RANGE.search(pattern)
    if found is None:
        yield pattern
        return
    first, last = found.groups()
    for number in range(int(first), int(last) + 1):
        yield from _expand(_RANGE.sub(f"{number:0{len(first)}d}", pattern, count=1))


def _split_of(shard: Path) -> str | None:
    """What a shard's folder or name, as in `train-0001.tar`, says of its rows."""
    words = [*shard.parent.parts, *re.split(r"[-_.]", shard.stem)]
    return next((word for word in words if word.lower() in SPLIT_FOLDERS), None)


def _read_samples(shard: Path, root: Path) -> Iterator[dict[str, Any]]:
    try:
        with tarfile.open(shard, "r:") as archive:
            files = (member for member in archive if member.isfile())
            for _, members in groupby(files, key=_key):
                row = _read_sample(archive, members, shard.relative_to(root))
                if _IMAGE in row:
                    yield row
    except tarfile.TarError as cause:
        raise DataError(
            f"{shard} cannot be read: {cause}",
            hint="shards are plain .tar archives; unpack compressed ones first",
        ) from cause


def _key(member: tarfile.TarInfo) -> str:
    """A sample's name: folder, and file name up to the first dot."""
    folder, slash, file = member.name.rpartition("/")
    return f"{folder}{slash}{file.partition('.')[0]}"


def _read_sample(
    archive: tarfile.TarFile, members: Iterator[tarfile.TarInfo], shard: Path
) -> dict[str, Any]:
    row: dict[str, Any] = {}
    image: dict[str, str] = {}
    seen: set[str] = set()
    for member in members:
        _require_sound(archive, member, seen, shard)
        file = Path(member.name).name
        ending = file.partition(".")[2].lower()
        if is_image(Path(file)) and not image:
            place = Member(archive=shard, offset=member.offset_data, size=member.size, name=file)
            image[_IMAGE] = str(place)
        elif ending == "json":
            row |= _parse_json(_read_text(archive, member), f"{shard}::{member.name}")
        elif ending in _TEXTS:
            row[ending] = _read_text(archive, member).strip()
    return row | image


def _require_sound(
    archive: tarfile.TarFile, member: tarfile.TarInfo, seen: set[str], shard: Path
) -> None:
    """Refuse what a shard has no reason to hold, and a header that says what is not so."""
    place = f"{shard}::{ascii(member.name)[1:-1][:80]}"
    if any("\ud800" <= letter <= "\udfff" for letter in member.name):
        raise DataError(f"{place} has a name that is no text")
    if member.name in seen:
        raise DataError(f"{place} is there twice, and may be two things")
    seen.add(member.name)
    if member.issparse() or member.offset_data + member.size > _size_of(archive):
        raise DataError(f"{place} claims {member.size:,} bytes that are not in the archive")


def _size_of(archive: tarfile.TarFile) -> int:
    assert isinstance(archive.fileobj, BufferedReader)
    return os.fstat(archive.fileobj.fileno()).st_size


def _read_text(archive: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    if member.size > _LONGEST_TEXT:
        raise DataError(f"{member.name} has {member.size:,} bytes, which is too much for a cell")
    file = archive.extractfile(member)
    assert file is not None
    return file.read().decode("utf-8-sig", errors="replace")


def _parse_json(text: str, place: str) -> dict[str, Any]:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as cause:
        raise DataError(f"{place} is not JSON: {cause}") from cause
    return fields if isinstance(fields, dict) else {"json": fields}


def _to_table(rows: Iterator[dict[str, Any]], shard: Path) -> pa.Table:
    found = list(rows)
    names = dict.fromkeys(name for row in found for name in row)
    try:
        return pa.table({name: pa.array([row.get(name) for row in found]) for name in names})
    except (OverflowError, UnicodeEncodeError) as cause:
        raise DataError(f"{shard}: a cell that no table can hold: {cause}") from cause
    except pa.ArrowException as cause:
        raise DataError(f"{shard}: a column holds cells of several kinds: {cause}") from cause
