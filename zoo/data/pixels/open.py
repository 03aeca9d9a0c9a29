"""Opening images for training: from their store, which is built or completed first."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoo.data.pixels.build import Quota, foresee_bytes, store_images
from zoo.data.pixels.keep import CacheSettings, make_room, store_of
from zoo.data.pixels.reader import Reader
from zoo.data.pixels.reduce import describe_decoder
from zoo.data.pixels.signatures import Files, Signatures, sign_files
from zoo.data.pixels.source import LivePixels, PixelSource, StoredPixels
from zoo.data.pixels.store import Identity, Records, Store, find_live
from zoo.data.pixels.writer import Writer, take_turn
from zoo.errors import StorageError
from zoo.progress import Progress, Silence

_USEFUL = 0.5
"""Part of a store's pixels below which it is begun anew; files that change leave gaps."""


def open_pixels(
    files: Files,
    side: int,
    *,
    root: Path,
    cache: CacheSettings | None,
    progress: Progress | None = None,
) -> PixelSource:
    """Open images as reduced pixels, from a store where there may be one.

    All files of one root and side share a store. What it lacks, and what has changed since,
    is decoded into it now; a build that was killed goes on. Where it cannot be written, has
    no room, or loses an image, the same pixels are decoded from the files when they are read.

    Args:
        files: Names, absolute or relative to `root`.
        side: Short side to reduce images to, pixels; see `decode_reduced`.
        root: The data's folder, of which nothing is written.
        cache: Where stores may lie; `None` decodes every image whenever it is read.
        progress: Hears of the building, of waiting, and of what cannot be stored.

    Raises:
        UnreadableImagesError: Files that cannot be decoded, all of those that were looked at.
    """
    progress = progress or Silence()
    root = Path(os.path.abspath(root))  # noqa: PTH100
    live = LivePixels(files, root=root, side=side)
    if cache is None or not len(files):
        return live
    identity = Identity(root=_as_text(root), side=side, decoder=describe_decoder())
    store = store_of(cache, identity)
    signatures = sign_files(root, files)
    reader, rows = _look_up(store, identity, signatures)
    if (rows < 0).any():
        reason = _complete(store, identity, live, signatures, cache, progress)
        reader, rows = _look_up(store, identity, signatures)
        if reason:
            progress.note(
                f"note: {(rows < 0).sum():,} of {len(files):,} images are not kept in the pixel "
                f"cache and decoded whenever they are needed: {reason}"
            )
    store.touch()
    return live if reader is None else StoredPixels(live, reader, rows)


def _complete(
    store: Store,
    identity: Identity,
    live: LivePixels,
    signatures: Signatures,
    cache: CacheSettings,
    progress: Progress,
) -> str:
    """Store what is missing; say why if not all of it could be."""
    try:
        with take_turn(store, progress):
            missing = _renew(store, identity, signatures)
            if not len(missing):
                return ""
            make_room(cache, store, foresee_bytes(live, missing))
            with Writer(store) as writer:
                store_images(live, signatures, missing, writer, Quota(cache), progress)
    except StorageError as cause:
        return cause.problem
    except OSError as cause:
        return cause.strerror or str(cause)
    return ""


def _renew(store: Store, identity: Identity, signatures: Signatures) -> NDArray[np.int64]:
    """Find what is missing; begin a store where there is none, or where most is out of date.

    Returns:
        Indices of the files to be stored, each file once.

    Raises:
        OSError: It cannot be written.
        StorageError: Likewise.
    """
    reader, rows = _look_up(store, identity, signatures)
    if reader is None or _count_useful(reader.records, signatures[rows < 0]) < _USEFUL * (
        store.pixels.stat().st_size
    ):
        store.begin(identity)
        rows = np.full(len(signatures), -1)
    missing = np.flatnonzero(rows < 0)
    _, first = np.unique(signatures["key"][missing], return_index=True)
    return missing[np.sort(first)]


def _count_useful(records: Records, missing: Signatures) -> int:
    """Add up the bytes of images that are not out of date."""
    live = records[find_live(records)]
    kept = live[~np.isin(live["key"], missing["key"])]
    return int((3 * kept["height"].astype(np.int64) * kept["width"]).sum())


def _look_up(
    store: Store, identity: Identity, signatures: Signatures
) -> tuple[Reader | None, NDArray[np.int64]]:
    """Find the row of each file; none where the store is not what it should be."""
    meta = store.read_meta()
    reader = Reader.open(store) if meta is not None and meta.identity == identity else None
    return reader, np.full(len(signatures), -1) if reader is None else reader.find(signatures)


def _as_text(root: Path) -> str:
    """Write a folder's name even where it is no valid UTF-8."""
    return os.fsencode(root).decode("utf-8", "backslashreplace")
