"""Patches to the network's square, each by the cheapest route that shows the same picture."""

from __future__ import annotations

import math
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
    size, one_by_one = out.shape[-1], out.device.type == "cpu"
    sorted_patches = [patches[at] for members in groups.values() for at in members]
    table = send(_table(sorted_patches, colour), out.device)
    parts = table.split([len(members) for members in groups.values()])
    stacked = stack(
        [
            [] if looks is None and one_by_one else [patches[at] for at in members]
            for looks, members in groups.items()
        ],
        out.device,
    )
    for (looks, members), part, pixels in zip(groups.items(), parts, stacked, strict=True):
        matrices, sizes, paint = part.split([6, 2, 3], dim=1)
        planes = pixels.permute(0, 3, 1, 2).float()
        if looks is None and one_by_one:
            found: Iterable[Tensor] = (stretch(patches[at], size, interpolation) for at in members)
        elif looks is None:
            found = stretch_together(planes, sizes, matrices, size, interpolation)
        else:
            found = warp(planes, sizes, matrices, looks, size, fill=fill, colour=paint[0])
        for at, image in zip(members, found, strict=True):
            out[at] = image


def _table(patches: Sequence[Patch], colour: Sequence[float]) -> Tensor:
    """Write down, in one tensor to be sent at once, each patch's map, its size and the fill."""
    rows = [(*patch.affine.row, *patch.pixels.shape[:2], *colour) for patch in patches]
    return torch.tensor(rows, dtype=torch.float32)


def stack(groups: Sequence[Sequence[Patch]], device: torch.device) -> list[Tensor]:
    """Lay the patches of each group, of different sizes, into a batch; one copy moves all.

    Returns:
        One a group: uint8 [B, H, W, 3], each patch in its upper left corner.
    """
    shapes = [_shape_of(group) for group in groups]
    lengths = [math.prod(shape) for shape in shapes]
    packed = torch.zeros(sum(lengths), dtype=torch.uint8, pin_memory=device.type == "cuda")
    for group, part, shape in zip(groups, packed.split(lengths), shapes, strict=True):
        for slot, patch in zip(part.view(shape).numpy(), group, strict=True):
            rows, columns = patch.pixels.shape[:2]
            slot[:rows, :columns] = patch.pixels
    parts = packed.to(device, non_blocking=True).split(lengths)
    return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]


def _shape_of(group: Sequence[Patch]) -> tuple[int, int, int, int]:
    """Count the patches, and the rows and columns that all of them fit into."""
    height, width = (max((p.pixels.shape[axis] for p in group), default=0) for axis in (0, 1))
    return len(group), height, width, 3
