"""A labelled data set: which files there are, what is to be learnt of each, and its splits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from zoo.errors import DataError

if TYPE_CHECKING:
    from zoo.targets import Target

SplitName = Literal["train", "validation", "test"]
SPLIT_NAMES: tuple[SplitName, ...] = ("train", "validation", "test")

Truth = NDArray[Any]
"""What is known of one target, a row a sample, in the target's own encoding."""

Text = np.dtypes.StringDType()
"""Strings in one block of memory: a million paths take a tenth of what objects take."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Samples:
    """Rows of one split, column by column, so that a million of them stay small."""

    root: Path
    """Absolute; what relative file names start from."""
    files: NDArray[Any]
    """`Text` [N]; relative to `root` with forward slashes, or absolute."""
    digests: NDArray[Any]
    """`Text` [N]; sha256 of each file's bytes, 64 hex digits, or empty where nobody looked."""
    truths: Mapping[str, Truth]
    """By target's name, each with N rows."""

    def __post_init__(self) -> None:
        rows = {len(self.files), len(self.digests), *map(len, self.truths.values())}
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
            digests=self.digests[chosen],
            truths={name: truth[chosen] for name, truth in self.truths.items()},
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
        digests=np.array(digests if digests is not None else [""] * len(files), dtype=Text),
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
        lines = np.empty(sum(map(len, self.splits.values())), dtype="S32")
        at = 0
        for split, samples in self.splits.items():
            for row in to_rows(samples, sorted(self.targets, key=lambda target: target.name)):
                content = row.get("sha256", row["file"])
                text = f"{split} {content} {json.dumps(row['truth'])}"
                # A trailing zero byte would be cut off by numpy's byte strings.
                lines[at] = hashlib.sha256(text.encode()).hexdigest()[:32].encode()
                at += 1
        lines.sort()
        return hashlib.sha256(lines.tobytes()).hexdigest()


def to_rows(
    samples: Samples, targets: Sequence[Target], *, block: int = 10_000
) -> Iterator[dict[str, Any]]:
    """Yield each sample as JSON says it: file, sha256 where known, and a cell a target."""
    for start in range(0, len(samples), block):
        rows = slice(start, start + block)
        columns = {
            target.name: target.decode(samples.truths[target.name][rows]) for target in targets
        }
        cells = zip(*columns.values(), strict=True)
        for file, digest, values in zip(
            samples.files[rows], samples.digests[rows], cells, strict=True
        ):
            row: dict[str, Any] = {"file": str(file)}
            if digest:
                row["sha256"] = str(digest)
            yield row | {"truth": dict(zip(columns, values, strict=True))}
