"""Outputs of any runtime to metrics: PyTorch and ONNX Runtime pass through the same lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from zoo.data.dataset import Samples
from zoo.data.loading import PreparedBatch, load_from, load_prepared
from zoo.data.pixels import LivePrepared, PixelSource
from zoo.errors import UnreadableImagesError
from zoo.inputs.contract import Preprocess
from zoo.progress import Progress, Silence
from zoo.targets import Metrics, Target, score_all

Outputs = dict[str, Tensor]
"""float32 [B, K] by target: logits of classes and labels, values in the user's units."""


class Predictor(Protocol):
    """A network with its targets and its preprocessing, whatever runs it."""

    @property
    def targets(self) -> tuple[Target, ...]:
        """What it answers."""

    @property
    def preprocess(self) -> Preprocess:
        """What turns a file into the network's input."""

    @property
    def device(self) -> torch.device:
        """Where it computes."""

    def outputs(self, pixel_values: Tensor) -> Outputs:
        """Map float32 images [B, 3, H, W] to float32 outputs [B, K] by target, on the CPU."""


def evaluate(
    predictor: Predictor,
    samples: Samples,
    *,
    batch_size: int = 32,
    workers: int = 0,
    progress: Progress | None = None,
) -> Metrics:
    """Score a predictor on labelled files.

    Raises:
        UnreadableImagesError: A file cannot be decoded (any more).
    """
    outputs = compute_outputs(
        predictor, samples, batch_size=batch_size, workers=workers, progress=progress
    )
    return score_all(predictor.targets, outputs, truths_of(samples))


def compute_outputs(
    predictor: Predictor,
    samples: Samples,
    *,
    batch_size: int = 32,
    workers: int = 0,
    progress: Progress | None = None,
    source: PixelSource | None = None,
) -> Outputs:
    """Run a predictor over labelled files, in their order.

    Args:
        predictor: The network.
        samples: The files.
        batch_size: Files that go through it together.
        workers: Processes that decode.
        progress: Hears of every batch.
        source: The same files as `open_prepared` opens them; else they are decoded.

    Raises:
        UnreadableImagesError: A file cannot be decoded (any more).
    """
    listener = progress or Silence()
    listener.start("evaluate", len(samples))
    found: list[Outputs] = []
    source = source or LivePrepared(samples.files, root=samples.root, contract=predictor.preprocess)
    batches = load_from(source, predictor.preprocess, batch_size=batch_size, workers=workers)
    for batch, outputs in _run(predictor, batches):
        if batch.unreadable:
            raise UnreadableImagesError(
                {samples.path(index): reason for index, reason in batch.unreadable.items()}
            )
        found.append(outputs)
        listener.advance(len(batch.indices))
    listener.finish()
    return concatenate(found)


def run_on_files(
    predictor: Predictor, paths: Sequence[Path], *, batch_size: int, workers: int
) -> Iterator[tuple[PreparedBatch, Outputs]]:
    """Yield each batch of files with its outputs; those of a batch without images are empty."""
    batches = load_prepared(paths, predictor.preprocess, batch_size=batch_size, workers=workers)
    return _run(predictor, batches)


def _run(
    predictor: Predictor, batches: Iterable[PreparedBatch]
) -> Iterator[tuple[PreparedBatch, Outputs]]:
    for batch in batches:
        empty = {target.name: torch.empty(0, target.num_outputs) for target in predictor.targets}
        yield batch, predictor.outputs(batch.pixel_values) if batch.indices else empty


def concatenate(batches: Sequence[Mapping[str, Tensor]]) -> Outputs:
    """Put the outputs of several batches below each other."""
    return {name: torch.cat([batch[name] for batch in batches]) for name in batches[0]}


def truths_of(samples: Samples) -> dict[str, Tensor]:
    """Turn what is known of samples into tensors."""
    return {name: torch.from_numpy(truth) for name, truth in samples.truths.items()}
