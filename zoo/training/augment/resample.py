"""Patches to the network's square, each by the cheapest route that shows the same picture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from zoo.inputs.contract import Interpolation
from zoo.inputs.transfer import send
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
    size = out.shape[-1]
    sorted_patches = [patches[at] for members in groups.values() for at in members]
    table = send(_table(sorted_patches, colour), out.device)
    parts = table.split([len(members) for members in groups.values()])
    for (looks, members), part in zip(groups.items(), parts, strict=True):
        chosen = [patches[at] for at in members]
        matrices, sizes, paint = part.split([6, 2, 3], dim=1)
        if looks is None and out.device.type == "cpu":
            found: Iterable[Tensor] = (stretch(patch, size, interpolation) for patch in chosen)
        elif looks is None:
            planes = stack(chosen, out.device)
            found = stretch_together(planes, sizes, matrices, size, interpolation)
        else:
            planes = stack(chosen, out.device)
            found = warp(planes, sizes, matrices, looks, size, fill=fill, colour=paint[0])
        for at, image in zip(members, found, strict=True):
            out[at] = image


def _table(patches: Sequence[Patch], colour: Sequence[float]) -> Tensor:
    """Write down, in one tensor to be sent at once, each patch's map, its size and the fill."""
    rows = [(*patch.affine.row, *patch.pixels.shape[:2], *colour) for patch in patches]
    return torch.tensor(rows, dtype=torch.float32)


def stack(patches: Sequence[Patch], device: torch.device) -> Tensor:
    """Lay patches of different sizes into one batch and move it, as bytes, to the device.

    Returns:
        float32 [B, 3, H, W], each patch in its upper left corner.
    """
    shapes = [patch.pixels.shape[:2] for patch in patches]
    height, width = (max(lengths) for lengths in zip(*shapes, strict=True))
    batch = torch.zeros(
        (len(patches), height, width, 3), dtype=torch.uint8, pin_memory=device.type == "cuda"
    )
    for slot, patch, (rows, columns) in zip(batch.numpy(), patches, shapes, strict=True):
        slot[:rows, :columns] = patch.pixels
    return batch.to(device, non_blocking=True).permute(0, 3, 1, 2).float()
