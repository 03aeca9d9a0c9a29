"""Files decoded by worker processes into batches."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from zoo.data.pixels.live import PixelSource
from zoo.data.pixels.prepared import LivePrepared, to_batch
from zoo.inputs.contract import Preprocess

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
    trouble: str = ""
    """Why decoded images are not kept, where they were to be."""


class _Prepared(Dataset[PreparedBatch]):
    """Batches of images through the preprocessing contract."""

    def __init__(self, source: PixelSource, contract: Preprocess) -> None:
        self.source = source
        self.contract = contract

    def __getitems__(self, indices: Sequence[int]) -> PreparedBatch:
        found = self.source.read_many(indices)
        readable = [index for index in indices if index in found.pixels]
        pixel_values = to_batch((found.pixels[index] for index in readable), self.contract)
        return PreparedBatch(pixel_values, readable, found.unreadable, found.trouble)


def load_prepared(
    paths: Sequence[Path], contract: Preprocess, *, batch_size: int, workers: int
) -> Iterator[PreparedBatch]:
    """Decode and preprocess files in order."""
    source = LivePrepared(paths, root=Path(), contract=contract)
    return load_from(source, contract, batch_size=batch_size, workers=workers)


def load_from(
    source: PixelSource,
    contract: Preprocess,
    *,
    batch_size: int,
    workers: int,
    share: range | None = None,
) -> Iterator[PreparedBatch]:
    """Go through images that `LivePrepared` decodes, or that a store of them keeps, in order.

    Args:
        source: The images.
        contract: Normalises them.
        batch_size: Images that are given together.
        workers: Processes that read.
        share: Which images; all, if not given.
    """
    share = range(len(source)) if share is None else share
    starts = range(0, len(share), batch_size)
    loader = open_loader(
        _Prepared(source, contract),
        (share[start : start + batch_size] for start in starts),
        workers=workers if len(starts) > 1 else 0,
        collate=as_it_is,
    )
    for batch in loader:
        source.hear(batch.trouble)
        yield batch


def open_loader(
    dataset: Dataset[Any],
    batches: Iterable[Sequence[Any]],
    *,
    workers: int,
    collate: Callable[[Any], Any] | None = None,
    lasting: bool = False,
) -> DataLoader[Any]:
    """Load the batches in order; nothing is kept of them, and no worker is sent more than its own.

    Args:
        dataset: What is loaded.
        batches: Keys of the data set; gone through once.
        workers: Processes that load; 0 is this one.
        collate: Makes a batch of what the data set gave.
        lasting: Whether the processes outlive the batches, to load others.
    """
    return DataLoader(
        dataset,
        batch_sampler=cast("Iterable[list[Any]]", batches),
        num_workers=workers,
        collate_fn=collate,
        worker_init_fn=_leave_signals_to_parent,
        persistent_workers=lasting,
    )


class LastingLoader:
    """Processes that load one sequence of batches after the other, until they are told to end."""

    def __init__(self, dataset: Dataset[Any], *, workers: int) -> None:
        self.workers = workers
        self._upcoming: Iterable[Sequence[Any]] = ()
        self._loader = open_loader(dataset, self, workers=workers, collate=as_it_is, lasting=True)
        self._running: Iterator[Any] | None = None

    def load(self, batches: Iterable[Sequence[Any]]) -> Iterator[Any]:
        """Begin with other batches; what is left of the ones before is dropped."""
        self._upcoming = batches
        self._running = iter(self._loader)
        return self._running

    def __iter__(self) -> Iterator[Sequence[Any]]:
        """Go through the batches that are to be loaded, once."""
        return iter(self._upcoming)

    def close(self) -> None:
        """End the processes, also those that are still at work."""
        if self._running is not None:
            # The loader itself does so when it is collected, which an error on its way delays.
            self._running._shutdown_workers()  # type: ignore[attr-defined]  # noqa: SLF001
            self._running = None


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
