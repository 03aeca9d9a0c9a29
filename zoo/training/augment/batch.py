"""One batch from stored pixels to the network's square, the same wherever it is made."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from zoo.inputs.contract import Preprocess
from zoo.recipes import Augment
from zoo.seeds import generator_for
from zoo.training.augment.colour import adjust_colours
from zoo.training.augment.draw import Draw, draw
from zoo.training.augment.erase import erase
from zoo.training.augment.geometry import compose, evaluation_window
from zoo.training.augment.patch import Patch, Pixels, cut
from zoo.training.augment.resample import resample

Place = tuple[int, int]
"""Epoch and index of a sample: all that its augmentation depends on, besides the seed."""


def augment_batch(
    images: Sequence[Pixels],
    places: Sequence[Place],
    recipe: Augment,
    contract: Preprocess,
    *,
    seed: int,
    device: torch.device,
) -> Tensor:
    """Augment a batch; normalisation and mixing come after it.

    On the CPU the samples go through one by one, while they are in the cache: what becomes
    of one does not depend on the others, bit for bit. An accelerator takes them together,
    and there a sample may differ in the last digits of a float from one batch to another.

    Args:
        images: uint8 [height, width, 3] each, of any size; nothing is written to them.
        places: Where each image stands in the training.
        recipe: Ranges and probabilities.
        contract: Size, interpolation, mean, and what evaluation sees.
        seed: Of the run.
        device: Where it is computed, and the result lies.

    Returns:
        uint8 [B, 3, contract.size, contract.size]: rounded once, after everything, so that a
        batch is a quarter as large on its way from a worker or to an accelerator.
    """
    planned = [
        _plan(image, recipe, contract, generator_for(seed, "augment", *place))
        for image, place in zip(images, places, strict=True)
    ]
    together = 1 if device.type == "cpu" else max(1, len(planned))
    shape = (3, contract.size, contract.size)
    pixels = torch.empty(len(planned), *shape, dtype=torch.uint8, device=device)
    exact = torch.empty(together, *shape, device=device)
    for at in range(0, len(planned), together):
        some = slice(at, at + together)
        _render(planned[some], recipe, contract, exact)
        pixels[some] = exact.round_()
    return pixels


def _plan(
    image: Pixels, recipe: Augment, contract: Preprocess, generator: torch.Generator
) -> tuple[Patch, Draw]:
    height, width, _ = image.shape
    drawn = draw(recipe, height, width, contract.size, generator)
    window = drawn.crop or evaluation_window(height, width, contract)
    affine = compose(drawn, window, contract.size)
    return cut(image, affine, contract.size, recipe.fill), drawn


def _render(
    planned: Sequence[tuple[Patch, Draw]], recipe: Augment, contract: Preprocess, out: Tensor
) -> None:
    colour = [255 * part for part in contract.mean]
    patches = [patch for patch, _ in planned]
    resample(patches, out, fill=recipe.fill, colour=colour, interpolation=contract.interpolation)
    adjust_colours(out, [drawn.colours for _, drawn in planned])
    erase(out, [drawn.erase for _, drawn in planned], colour)
