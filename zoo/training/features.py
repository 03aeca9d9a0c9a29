"""The frozen backbone's features of the training images, in a file that is mapped into memory."""

from __future__ import annotations

import contextlib
import json
import struct
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from zoo.data.loading import load_from
from zoo.data.pixels import LivePrepared, LiveTwice, PixelSource, StoredPixels
from zoo.errors import UnreadableImagesError
from zoo.recipes import DescendPhase
from zoo.storage import Appearing, appearing
from zoo.training.context import Training
from zoo.training.images import open_training_pixels
from zoo.training.room import told_of_room

_BATCH_SIZE = 64
_BATCHES = 64
"""Batches of features that a process has in memory before they are written."""


def cached_features(training: Training, index: int) -> Tensor:
    """Compute a phase's features, or find those that an interrupted run left.

    They are written as they are computed, and read back as the file's own pages, which the
    operating system gives up when memory is short.

    Returns:
        Features, float32 [N, D], on the CPU of the first process; nothing in the others.

    Raises:
        RunInterruptedError: A signal came.
        StorageError: The disk is full.
    """
    cache = training.run.checkpoints / f"features-{index}.safetensors"
    stored = _read(cache) if training.processes.writes else None
    if not training.processes.any(stored is not None):
        _write(training, cache)
        stored = _read(cache) if training.processes.writes else None
    return torch.empty(0) if stored is None else stored


def _read(cache: Path) -> Tensor | None:
    """Map features that were stored whole, if they were."""
    with contextlib.suppress(FileNotFoundError, SafetensorError, KeyError):
        return load_file(cache)["features"]
    return None


def _write(training: Training, cache: Path) -> None:
    """Let the first process write what all of them compute."""
    count, width = len(training.plan.dataset.train), training.network.backbone.feature_dim
    file = None
    with contextlib.ExitStack() as open_files:
        if training.processes.writes:
            file = open_files.enter_context(appearing(cache))
            file.write(_header(count, width))
        for block in extract_features(training):
            training.processes.agree(partial(_append, file, block))


def _append(file: Appearing | None, block: Tensor) -> None:
    if file is not None:
        file.write(block.numpy().data)


def _header(count: int, width: int) -> bytes:
    """Begin a safetensors file of one tensor; its rows follow, little-endian float32."""
    size = count * width * torch.float32.itemsize
    about = {"features": {"dtype": "F32", "shape": [count, width], "data_offsets": [0, size]}}
    text = json.dumps(about).encode()
    # Padded, so that numbers begin at a multiple of eight.
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def extract_features(training: Training) -> Iterator[Tensor]:
    """Run the body over the training split through the evaluation preprocessing.

    Each process runs over its share.

    Yields:
        Blocks of features, float32 [n, D], in the order of the samples, on the CPU of the first
        process; as many empty ones in the others.

    Raises:
        RunInterruptedError: A signal came.
    """
    count, processes = len(training.plan.dataset.train), training.processes
    batches = _run_body(training, processes.share(count))
    nothing = torch.empty(0, training.network.backbone.feature_dim)
    together = _BATCHES * _BATCH_SIZE * processes.count
    for start in range(0, count, together):
        mine = torch.cat([nothing, *islice(batches, _BATCHES)])
        block = processes.collect({"features": mine}, min(together, count - start))
        yield block.get("features", nothing)
    training.progress.finish()
    training.stop_if_asked()


@torch.no_grad()
def _run_body(training: Training, share: range) -> Iterator[Tensor]:
    """Yield the features of this process's images, batch by batch."""
    plan, body = training.plan, training.network.body
    training.network.place(plan.device).eval()
    training.progress.start("features", len(share))
    least = len(plan.dataset.train) // training.processes.count
    source = _open_images(training)
    loader = load_from(
        source, plan.preprocess, batch_size=_BATCH_SIZE, workers=plan.workers, share=share
    )
    for number, batch in enumerate(loader):
        if batch.unreadable:
            raise UnreadableImagesError(
                {source.path(at): why for at, why in batch.unreadable.items()}
            )
        images = batch.pixel_values.to(plan.device, memory_format=torch.channels_last)
        half = torch.autocast(plan.device.type, torch.bfloat16, enabled=plan.precision == "bf16")
        with told_of_room(f"{len(images)} images", "give a smaller --img-size"), half:
            features = body(images).float().cpu()
        training.progress.advance(len(images))
        if number * _BATCH_SIZE < least:  # every process has this batch
            training.stop_if_asked()
        yield features


def _open_images(training: Training) -> PixelSource:
    """Open the training images as evaluation sees them; what a later phase needs is kept, too."""
    plan, train = training.plan, training.plan.dataset.train
    if any(isinstance(phase, DescendPhase) for phase in plan.recipe.phases):
        pixels = open_training_pixels(plan, training.progress)
        if isinstance(pixels, StoredPixels):
            return LiveTwice(pixels, plan.preprocess, side=plan.pixel_side)
    return LivePrepared(train.files, root=train.root, contract=plan.preprocess)
