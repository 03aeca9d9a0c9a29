"""Opening images: from their store, which is begun where there is none and filled by reading."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoo.data.pixels.holding import hold
from zoo.data.pixels.keep import CacheSettings, make_room, store_of
from zoo.data.pixels.live import LiveImages, LivePixels, PixelSource
from zoo.data.pixels.lookup import Lookup
from zoo.data.pixels.prepared import LivePrepared
from zoo.data.pixels.reader import Reader
from zoo.data.pixels.signatures import Files, Signatures, sign_files
from zoo.data.pixels.source import StoredPixels
from zoo.data.pixels.store import Records, Store, find_live
from zoo.data.pixels.writer import take_turn
from zoo.errors import StorageError
from zoo.inputs.contract import Preprocess
from zoo.inputs.image import UnreadableImageError
from zoo.progress import Progress

_USEFUL = 0.5
"""Part of a store's pixels below which it is begun anew; files that change leave gaps."""
_SAMPLED = 64
"""Headers read to foresee how much all images take."""


def open_pixels(
    files: Files,
    side: int,
    *,
    root: Path,
    cache: CacheSettings | None,
    progress: Progress | None = None,
) -> PixelSource:
    """Open images for training, reduced, from a store where there may be one.

    All files of one root and side share a store. Nothing is decoded now: what it lacks, and
    what has changed since, is decoded when it is first read and kept then. Where the store
    cannot be written, has no room, or loses an image, the same pixels are decoded from the files
    whenever they are read.

    Args:
        files: Names, absolute or relative to `root`.
        side: Short side to reduce images to, pixels; see `decode_reduced`.
        root: The data's folder, of which nothing is written.
        cache: Where stores may lie; `None` decodes every image whenever it is read.
        progress: Hears what cannot be kept.
    """
    return _open(LivePixels(files, root=_absolute(root), side=side), cache, progress)


def open_prepared(
    files: Files,
    contract: Preprocess,
    *,
    root: Path,
    cache: CacheSettings | None,
    progress: Progress | None = None,
) -> PixelSource:
    """Open images as evaluation sees them; see `open_pixels` and `LivePrepared`."""
    return _open(LivePrepared(files, root=_absolute(root), contract=contract), cache, progress)


def _open(
    live: LiveImages, cache: CacheSettings | None, progress: Progress | None
) -> LiveImages | StoredPixels:
    if cache is None or not len(live):
        return live
    store = store_of(cache, live.identity)
    held = hold(store)
    signatures = sign_files(live.root, live.files)
    reader, missing = _look_up(store, live, signatures)
    trouble = _make_ready(store, live, signatures, cache) if len(missing) else ""
    if reader is None or len(missing):
        reader, missing = _look_up(store, live, signatures)
    store.touch()
    if reader is None:
        if progress is not None:
            progress.note(
                f"note: {len(live):,} of {len(live):,} images are not kept in the pixel cache and "
                f"decoded whenever they are needed: {trouble}"
            )
        return live
    lookup = Lookup(live, reader, signatures, held)
    source = StoredPixels(live, lookup, cache=cache, progress=progress)
    source.hear(trouble)
    return source


def _make_ready(
    store: Store, live: LiveImages, signatures: Signatures, cache: CacheSettings
) -> str:
    """Let a store take what is missing; say why if it cannot."""
    try:
        with take_turn(store):
            missing = _renew(store, live, signatures)
            make_room(cache, store, foresee_bytes(live, missing), root=live.identity.root)
    except StorageError as cause:
        return cause.problem
    except OSError as cause:
        return cause.strerror or str(cause)
    return ""


def _renew(store: Store, live: LiveImages, signatures: Signatures) -> NDArray[np.int64]:
    """Find what is missing; begin a store where there is none, or where most is out of date.

    Returns:
        Indices of the files to be stored, each file once.

    Raises:
        OSError: It cannot be written.
        StorageError: Likewise.
    """
    reader, missing = _look_up(store, live, signatures)
    if reader is None or _count_useful(reader.records, signatures[missing]) < _USEFUL * (
        store.pixels.stat().st_size
    ):
        store.begin(live.identity)
        missing = np.arange(len(signatures))
    _, first = np.unique(signatures["key"][missing], return_index=True)
    return missing[np.sort(first)]


def foresee_bytes(live: LiveImages, indices: NDArray[np.int64]) -> int:
    """Estimate from some headers how much the pixels of these images take."""
    if not len(indices):
        return 0
    chosen = indices[np.linspace(0, len(indices) - 1, _SAMPLED).astype(np.int64)]
    sizes = []
    for index in np.unique(chosen):
        try:
            sizes.append(live.measure(live.path(int(index))))
        except UnreadableImageError:
            continue
    return round(sum(sizes) / max(1, len(sizes)) * len(indices))


def _count_useful(records: Records, missing: Signatures) -> int:
    """Add up the bytes of images that are not out of date."""
    live = records[find_live(records)]
    kept = live[~np.isin(live["key"], missing["key"])]
    return int((3 * kept["height"].astype(np.int64) * kept["width"]).sum())


def _look_up(
    store: Store, live: LiveImages, signatures: Signatures
) -> tuple[Reader | None, NDArray[np.int64]]:
    """Find which files are missing; all are where the store is not what it should be."""
    reader = Reader.open(store, live.identity)
    if reader is None:
        return None, np.arange(len(signatures))
    return reader, np.flatnonzero(reader.find(signatures) < 0)


def _absolute(root: Path) -> Path:
    return Path(os.path.abspath(root))  # noqa: PTH100
