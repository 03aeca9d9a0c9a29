"""The images that variants are fitted to, compared on and judged by: three different sets."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from export.samples import choose_samples, gather_inputs
from zoo.data.dataset import Samples
from zoo.errors import DataError
from zoo.evaluation import truths_of
from zoo.inputs.contract import Preprocess
from zoo.progress import Progress

_OF_FIVE = 5
"""Of as many training images one compares methods and nodes, and the others calibrate."""


@dataclass(frozen=True, slots=True, eq=False)
class ValidationImages:
    """What a file is judged by, in the network's own format, float32 [N, 3, size, size]."""

    photos: Tensor
    """What the budget is about."""
    edges: Tensor
    """Pictures that no photo is like; answers to them must be numbers."""
    truths: dict[str, Tensor]
    """What is known of the photos, by target."""


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """Images in the network's own format, float32 [N, 3, size, size]."""

    calibration: Tensor
    """Training images, which ranges are taken from."""
    trial: Tensor
    """Other training images, which methods and nodes are compared on."""
    validation: ValidationImages
    """What files are judged by."""


def gather_images(
    training: Samples,
    validation: Samples,
    contract: Preprocess,
    *,
    calibration_images: int,
    workers: int,
    progress: Progress,
) -> Images:
    """Decode them.

    Raises:
        DataError: There are too few training images to calibrate on some and try on others.
        UnreadableImagesError: Images that cannot be decoded.
    """
    chosen = choose_samples(training, -(-calibration_images * _OF_FIVE // (_OF_FIVE - 1)))
    if min(len(chosen), calibration_images) < 2 or not len(validation):
        raise DataError(
            f"{len(training)} training and {len(validation)} validation images, of which "
            f"{calibration_images} are to calibrate, are too few for fewer bits",
            hint="two training images and a validation image are the least",
        )
    seen = gather_inputs(chosen, contract, workers, progress)
    pixel_values = seen.pixel_values[seen.samples]
    tried = torch.arange(len(chosen)) % _OF_FIVE == min(_OF_FIVE, len(chosen)) - 1
    return Images(
        calibration=pixel_values[~tried],
        trial=pixel_values[tried],
        validation=gather_validation(validation, contract, workers=workers, progress=progress),
    )


def gather_validation(
    validation: Samples, contract: Preprocess, *, workers: int, progress: Progress
) -> ValidationImages:
    """Decode what files are judged by.

    Raises:
        UnreadableImagesError: Images that cannot be decoded.
    """
    found = gather_inputs(validation, contract, workers, progress)
    return ValidationImages(
        photos=found.pixel_values[found.samples],
        edges=found.pixel_values[found.edges],
        truths=truths_of(validation),
    )
