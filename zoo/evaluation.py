"""Outputs of any runtime to metrics: PyTorch and ONNX Runtime pass through the same lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from zoo.data.dataset import Sample, labels_of
from zoo.data.loading import PreparedBatch, load_prepared
from zoo.errors import UnreadableImagesError
from zoo.inputs.contract import Preprocess
from zoo.progress import Progress, Silence
from zoo.targets.classes import ClassMetrics, score_classes


class Classifier(Protocol):
    """A network with its classes and its preprocessing, whatever runs it."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names in the order of the logits."""

    @property
    def preprocess(self) -> Preprocess:
        """What turns a file into the network's input."""

    @property
    def device(self) -> torch.device:
        """Where it computes."""

    def logits(self, pixel_values: Tensor) -> Tensor:
        """Map float32 images [B, 3, H, W] to float32 logits [B, C], both on the CPU."""


def evaluate(
    classifier: Classifier,
    samples: Sequence[Sample],
    *,
    batch_size: int = 32,
    workers: int = 0,
    progress: Progress | None = None,
) -> ClassMetrics:
    """Score a classifier on labelled files.

    Raises:
        UnreadableImagesError: A file cannot be decoded (any more).
    """
    listener = progress or Silence()
    listener.start("evaluate", len(samples))
    outputs = []
    paths = [sample.path for sample in samples]
    for batch, logits in run_on_files(classifier, paths, batch_size=batch_size, workers=workers):
        if batch.unreadable:
            raise UnreadableImagesError(
                {paths[index]: reason for index, reason in batch.unreadable.items()}
            )
        outputs.append(logits)
        listener.advance(len(logits))
    listener.finish()
    return score_classes(torch.cat(outputs), torch.tensor(labels_of(samples)), classifier.classes)


def run_on_files(
    classifier: Classifier, paths: Sequence[Path], *, batch_size: int, workers: int
) -> Iterator[tuple[PreparedBatch, Tensor]]:
    """Yield each batch of files with its logits, float32 [B, C]."""
    for batch in load_prepared(
        paths, classifier.preprocess, batch_size=batch_size, workers=workers
    ):
        empty = torch.empty(0, len(classifier.classes))
        yield batch, classifier.logits(batch.pixel_values) if batch.indices else empty
