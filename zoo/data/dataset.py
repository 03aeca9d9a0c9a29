"""A labelled data set: which files there are, what is to be learnt of each, and its splits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from zoo.data.columns import Digests, Text, list_digests, no_digests
from zoo.errors import DataError

if TYPE_CHECKING:
    from zoo.targets import Target

SplitName = Literal["train", "validation", "test"]
SPLIT_NAMES: tuple[SplitName, ...] = ("train", "validation", "test")

Truth = NDArray[Any]
"""What is known of one target, a row a sample, in the target's own encoding."""

_BLOCK = 10_000
"""Rows that are Python's objects at a time."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Samples:
    """Rows of one split, column by column, so that a million of them stay small."""

    root: Path
    """Absolute; what relative file names start from."""
    files: NDArray[Any]
    """`Text` [N]; relative to `root` with forward slashes, or absolute."""
    digests: Digests
    """[N]; sha256 of each file's bytes, or empty where nobody looked."""
    truths: Mapping[str, Truth]
    """By target's name, each with N rows."""
    groups: NDArray[Any] | None = None
    """`Text` [N]; rows of one name belong together, and an empty one is no group."""

    def __post_init__(self) -> None:
        rows = {len(self.files), len(self.digests), *map(len, self.truths.values())}
        rows |= set() if self.groups is None else {len(self.groups)}
        if len(rows) > 1:
            raise ValueError(f"columns of different length: {sorted(rows)}")

    def __len__(self) -> int:
        return len(self.files)

    def path(self, index: int) -> Path:
        """The absolute path of one sample."""
        return self.root / str(self.files[index])

    @property
    def paths(self) -> list[Path]:
        """All absolute paths; a list of a million is not small."""
        return [self.path(index) for index in range(len(self))]

    def select(self, rows: Sequence[int] | NDArray[Any]) -> Samples:
        """Keep the rows of these indices, in their order."""
        chosen = np.asarray(rows, dtype=np.int64)
        return Samples(
            root=self.root,
            files=self.files[chosen],
            digests=self.digests.select(chosen),
            truths={name: truth[chosen] for name, truth in self.truths.items()},
            groups=None if self.groups is None else self.groups[chosen],
        )


def make_samples(
    root: Path,
    files: Sequence[str],
    truths: Mapping[str, Truth],
    digests: Sequence[str] | None = None,
) -> Samples:
    """Gather columns that were found one by one.

    Raises:
        DataError: A file's name is not Unicode, which no table or record could hold.
    """
    try:
        names = np.array(files, dtype=Text)
    except UnicodeEncodeError as cause:
        raise DataError(
            f"the name of a file in {root} is not Unicode: {cause.object!r}",
            hint="rename it, or leave it out",
        ) from cause
    return Samples(
        root=root,
        files=names,
        digests=no_digests(len(files)) if digests is None else list_digests(digests),
        truths=dict(truths),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Samples in up to three splits, and what is to be learnt of them."""

    root: Path
    """The folder, or the folder that the table lies in; absolute."""
    targets: tuple[Target, ...]
    """In the order of the network's heads; names are unique."""
    splits: Mapping[SplitName, Samples]
    notes: tuple[str, ...] = ()
    """What a user should know about how the data was read."""
    source: Mapping[str, Any] = field(default_factory=dict)
    """How it was opened, in words for the record: the table, its columns, the group column."""
    skipped: Mapping[str, str] = field(default_factory=dict)
    """Why a file that was named or looked like an image is in no split, by file."""
    ignored: tuple[str, ...] = ()
    """Files beside the images that are none by their names."""

    @property
    def train(self) -> Samples:
        """The samples that training sees."""
        return self.splits["train"]

    @property
    def validation(self) -> Samples:
        """The samples that measure and never train."""
        return self.splits["validation"]

    @cached_property
    def fingerprint(self) -> str:
        """Hash of what is in which split with which truths, whatever the files are called.

        Where nobody hashed a file, its name stands for its content.
        """
        lines = np.empty(sum(map(len, self.splits.values())), dtype="S16")
        at = 0
        for split, samples in self.splits.items():
            for row in to_rows(samples, sorted(self.targets, key=lambda target: target.name)):
                content = row.get("sha256", row["file"])
                text = f"{split} {content} {json.dumps(row['truth'])}"
                lines[at] = hashlib.sha256(text.encode()).digest()[:16]
                at += 1
        lines.sort()
        whole = hashlib.sha256()
        for block in range(0, len(lines), _BLOCK):
            whole.update(lines[block : block + _BLOCK].tobytes().hex().encode())
        return whole.hexdigest()


def to_rows(
    samples: Samples, targets: Sequence[Target], *, block: int = _BLOCK
) -> Iterator[dict[str, Any]]:
    """Yield each sample as JSON says it: file, sha256 and group if any, and a cell a target."""
    for start in range(0, len(samples), block):
        rows = slice(start, start + block)
        columns = {
            target.name: target.decode(samples.truths[target.name][rows]) for target in targets
        }
        cells = zip(*columns.values(), strict=True)
        groups = repeat("") if samples.groups is None else samples.groups[rows]
        known = zip(samples.files[rows], samples.digests[rows], cells, strict=True)
        for (file, digest, values), group in zip(known, groups, strict=False):
            row: dict[str, Any] = {"file": str(file)}
            if digest:
                row["sha256"] = digest
            if group:
                row["group"] = str(group)
            yield row | {"truth": dict(zip(columns, values, strict=True))}
