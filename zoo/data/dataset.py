"""A labelled data set: which file is of which class, and on which side of the split."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

SplitName = Literal["train", "validation", "test"]
SPLIT_NAMES: tuple[SplitName, ...] = ("train", "validation", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One labelled file."""

    path: Path
    """Absolute."""
    label: int
    """Index into the data set's classes."""
    sha256: str
    """Of the file's bytes, 64 hex digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Labelled files in up to three splits."""

    root: Path
    classes: tuple[str, ...]
    """In the order of the network's outputs."""
    splits: Mapping[SplitName, tuple[Sample, ...]]
    notes: tuple[str, ...] = ()
    """What a user should know about how the folder was read."""

    @property
    def train(self) -> tuple[Sample, ...]:
        """The samples that training sees."""
        return self.splits["train"]

    @property
    def validation(self) -> tuple[Sample, ...]:
        """The samples that measure and never train."""
        return self.splits["validation"]

    def count_by_class(self, split: SplitName) -> dict[str, int]:
        """Count the samples of each class, in class order."""
        counts = Counter(sample.label for sample in self.splits[split])
        return {name: counts[index] for index, name in enumerate(self.classes)}

    @property
    def fingerprint(self) -> str:
        """Hash of what is in which split under which class, whatever the files are called."""
        lines = sorted(
            f"{split} {self.classes[sample.label]} {sample.sha256}"
            for split, samples in self.splits.items()
            for sample in samples
        )
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def labels_of(samples: Sequence[Sample]) -> list[int]:
    """Collect the class indices of samples."""
    return [sample.label for sample in samples]
