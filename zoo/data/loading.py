"""Files decoded by worker processes into batches."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from zoo.inputs.contract import Preprocess
from zoo.inputs.image import UnreadableImageError, preprocess, read_image, to_tensor

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class PreparedBatch:
    """Images ready for the network, in the order of the files asked for."""

    pixel_values: Tensor
    """float32 [B, 3, size, size]; B counts the readable files."""
    indices: list[int]
    """Position of each image among the files asked for."""
    unreadable: dict[int, str]
    """Position and reason of each file that could not be decoded."""


class _PreparedFiles(Dataset[Tensor | str]):
    """Files through the preprocessing contract; a reason in place of an unreadable one."""

    def __init__(self, paths: Sequence[Path], contract: Preprocess) -> None:
        self.paths = paths
        self.contract = contract

    def __getitem__(self, index: int) -> Tensor | str:
        try:
            return preprocess(to_tensor(read_image(self.paths[index])), self.contract)
        except UnreadableImageError as error:
            return error.problem


def load_prepared(
    paths: Sequence[Path], contract: Preprocess, *, batch_size: int, workers: int
) -> Iterator[PreparedBatch]:
    """Decode and preprocess files in order."""
    starts = range(0, len(paths), batch_size)
    loader = open_loader(
        _PreparedFiles(paths, contract),
        [range(start, min(start + batch_size, len(paths))) for start in starts],
        workers=workers,
        collate=as_it_is,
    )
    for start, items in zip(starts, loader, strict=True):
        images = {start + at: item for at, item in enumerate(items) if isinstance(item, Tensor)}
        reasons = {start + at: item for at, item in enumerate(items) if isinstance(item, str)}
        nothing = torch.empty(0, 3, contract.size, contract.size)
        pixel_values = torch.stack(list(images.values())) if images else nothing
        yield PreparedBatch(pixel_values, list(images), reasons)


def open_loader(
    dataset: Dataset[Any],
    batches: Sequence[Iterable[Any]],
    *,
    workers: int,
    collate: Callable[[Any], Any] | None = None,
) -> DataLoader[Any]:
    """Load the listed batches in order, one of them in this process, more in others."""
    return DataLoader(
        dataset,
        batch_sampler=[list(batch) for batch in batches],
        num_workers=workers if len(batches) > 1 else 0,
        collate_fn=collate,
        worker_init_fn=_leave_signals_to_parent,
    )


def as_it_is(items: T) -> T:
    """Leave a batch as the data set gave it."""
    return items


def _leave_signals_to_parent(_worker: int) -> None:
    """Let signals reach the main process alone, which stops at the end of its step.

    A terminal sends Ctrl-C, and torchrun SIGTERM, to a whole process group.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if os.name == "posix":
        os.setpgrp()
