"""Patches to the network's square, each by the cheapest route that shows the same picture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from zoo.inputs.contract import Interpolation
from zoo.training.augment.patch import Fill, Patch
from zoo.training.augment.stretch import stretch, stretch_together
from zoo.training.augment.warp import Looks, looks_for, warp


def resample(
    patches: Sequence[Patch],
    out: Tensor,
    *,
    fill: Fill,
    colour: Sequence[float],
    interpolation: Interpolation,
) -> None:
    """Resample every patch once.

    Boxes are resized as evaluation resizes. All other maps are looked up bilinearly, even
    where evaluation is bicubic.

    Args:
        patches: One a sample.
        out: float32 [B, 3, size, size], to be overwritten with [0, 255]; its device computes.
        fill: What lies outside an image.
        colour: RGB in [0, 255], for the fill `mean`.
        interpolation: Filter of boxes.
    """
    groups: dict[Looks | None, list[int]] = defaultdict(list)
    for at, patch in enumerate(patches):
        groups[None if patch.is_box else looks_for(patch.affine)].append(at)
    for looks, members in groups.items():
        chosen = [patches[at] for at in members]
        if looks is not None:
            found: Iterable[Tensor] = _warp(chosen, looks, out, fill=fill, colour=colour)
        elif out.device.type == "cpu":
            found = (stretch(patch, out.shape[-1], interpolation) for patch in chosen)
        else:
            planes, sizes = stack(chosen, out.device)
            found = stretch_together(planes, sizes, chosen, out.shape[-1], interpolation)
        for at, image in zip(members, found, strict=True):
            out[at] = image


def _warp(
    patches: Sequence[Patch], looks: Looks, out: Tensor, *, fill: Fill, colour: Sequence[float]
) -> Tensor:
    planes, sizes = stack(patches, out.device)
    matrices = torch.tensor([patch.affine.row for patch in patches]).to(out.device)
    paint = torch.tensor(colour).to(out.device)
    return warp(planes, sizes, matrices, looks, out.shape[-1], fill=fill, colour=paint)


def stack(patches: Sequence[Patch], device: torch.device) -> tuple[Tensor, Tensor]:
    """Lay patches of different sizes into one batch and move it, as bytes, to the device.

    Returns:
        float32 [B, 3, H, W], each patch in its upper left corner, and float32 [B, 2], their
        heights and widths.
    """
    shapes = [patch.pixels.shape[:2] for patch in patches]
    height, width = (max(lengths) for lengths in zip(*shapes, strict=True))
    batch = torch.zeros(
        (len(patches), height, width, 3), dtype=torch.uint8, pin_memory=device.type == "cuda"
    )
    for slot, patch, (rows, columns) in zip(batch.numpy(), patches, shapes, strict=True):
        slot[:rows, :columns] = patch.pixels
    moved = batch.to(device, non_blocking=True)
    return moved.permute(0, 3, 1, 2).float(), torch.tensor(shapes).to(device).float()
