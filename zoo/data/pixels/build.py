"""Decoding many images at once into a store."""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoo.data.pixels.keep import PART_OF_DISK, CacheSettings, room_left
from zoo.data.pixels.reduce import measure_reduced
from zoo.data.pixels.signatures import Signatures
from zoo.data.pixels.source import LivePixels
from zoo.data.pixels.writer import Writer
from zoo.errors import UnreadableImagesError
from zoo.inputs.image import UnreadableImageError
from zoo.progress import Progress

_AHEAD = 4
"""Images decoded or waiting to be written, a thread."""
_SAMPLED = 64
"""Headers read to foresee how much all images take."""
_STEP = 1 << 26
"""Bytes written between two looks at what is left for the cache; others write, too."""


class Quota:
    """Lets as many bytes be written as the cache may still take."""

    def __init__(self, cache: CacheSettings) -> None:
        self._cache = cache
        self._granted = 0

    def take(self, size: int) -> None:
        """Count bytes before they are written.

        Raises:
            OSError: They are too many.
        """
        if size > self._granted:
            left = room_left(self._cache)
            if size > left:
                limit = f"the cache is full; it may take {self._cache.max_bytes / 1e9:,.1f} GB"
                raise OSError(errno.ENOSPC, f"{limit} and {PART_OF_DISK:.0%} of the disk")
            self._granted = max(size, min(left, _STEP))
        self._granted -= size


def foresee_bytes(live: LivePixels, indices: NDArray[np.int64]) -> int:
    """Estimate from some headers how much the pixels of these images take."""
    chosen = indices[np.linspace(0, len(indices) - 1, _SAMPLED).astype(np.int64)]
    sizes = []
    for index in np.unique(chosen):
        try:
            sizes.append(measure_reduced(live.path(int(index)), live.side))
        except UnreadableImageError:
            continue
    return round(sum(sizes) / max(1, len(sizes)) * len(indices))


def store_images(
    live: LivePixels,
    signatures: Signatures,
    indices: NDArray[np.int64],
    writer: Writer,
    quota: Quota,
    progress: Progress,
) -> None:
    """Decode these images on all cores and append them to a store.

    Threads do it: Pillow and zlib release the interpreter's lock.

    Raises:
        OSError: The disk or the quota refuses an image; those before it are stored.
        UnreadableImagesError: Files that cannot be decoded, all of them; the others are stored.
    """
    bad: dict[Path, str] = {}
    progress.start("storing pixels", len(indices))
    try:
        for index, decoded in _decode_ahead(live, indices):
            if isinstance(decoded, str):
                bad[live.path(index)] = decoded
            else:
                quota.take(decoded.nbytes)
                writer.append(signatures[index], decoded)
            progress.advance(1)
    finally:
        progress.finish()
    if bad:
        raise UnreadableImagesError(bad)


def _decode_ahead(
    live: LivePixels, indices: Iterable[int]
) -> Iterator[tuple[int, NDArray[np.uint8] | str]]:
    """Yield images in order while a bounded number of later ones is being decoded."""
    threads = os.cpu_count() or 1
    waiting: deque[tuple[int, Future[NDArray[np.uint8] | str]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for index in map(int, indices):
                waiting.append((index, pool.submit(_decode, live, index)))
                if len(waiting) > _AHEAD * threads:
                    yield _first_of(waiting)
            while waiting:
                yield _first_of(waiting)
        finally:
            for _, future in waiting:
                future.cancel()


def _first_of(
    waiting: deque[tuple[int, Future[NDArray[np.uint8] | str]]],
) -> tuple[int, NDArray[np.uint8] | str]:
    index, future = waiting.popleft()
    return index, future.result()


def _decode(live: LivePixels, index: int) -> NDArray[np.uint8] | str:
    try:
        return live.read(index)
    except UnreadableImageError as error:
        return error.problem
