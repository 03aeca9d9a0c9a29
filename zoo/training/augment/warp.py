"""General affine maps: one `grid_sample` a batch, whatever rotates, shears or shifts."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.training.augment.geometry import Affine
from zoo.training.augment.patch import Fill

_FINEST = 8
"""Most looks a pixel and axis; an image shrunk by more than this aliases."""

Looks = tuple[int, int]
"""How many points are averaged for one output pixel: down, and across."""


def looks_for(affine: Affine) -> Looks:
    """Choose how often to look so that neighbouring looks are at most 1.5 pixels apart.

    Rounding to the nearest is what mipmaps do: shrinking by less than 1.5 is one plain
    bilinear look, as in Keras and in torchvision's `affine`.
    """
    return _looks(math.hypot(affine.xy, affine.yy)), _looks(math.hypot(affine.xx, affine.yx))


def _looks(shrink: float) -> int:
    return min(_FINEST, max(1, math.floor(shrink + 0.5)))


def warp(
    planes: Tensor,
    sizes: Tensor,
    matrices: Tensor,
    looks: Looks,
    size: int,
    *,
    fill: Fill,
    colour: Tensor,
) -> Tensor:
    """Look up every output pixel in its image, bilinearly.

    Where an image shrinks, each output pixel is the mean of a grid of looks inside it: a box
    filter one output pixel wide, sharper than the triangle that antialiased resizing takes.
    On photographs shrunk up to three times the two are less than two grey levels apart on
    average, and less than one where the image shrinks by less than 1.5.

    Args:
        planes: float32 [B, 3, H, W]; each image in its upper left corner.
        sizes: float32 [B, 2], heights and widths of the images, pixels.
        matrices: float32 [B, 6], as `Affine.row`.
        looks: Points a pixel, the same for the whole batch.
        size: Height and width of the output.
        fill: What lies outside.
        colour: float32 [3], for the fill `mean`.

    Returns:
        float32 [B, 3, size, size].
    """
    x, y = _places(matrices, looks, size)
    height, width = sizes[:, 0, None, None], sizes[:, 1, None, None]
    inside = _coverage(x, width) * _coverage(y, height) if fill == "mean" else None
    if fill == "reflect":
        x, y = _reflect(x, width), _reflect(y, height)
    x = torch.minimum(x.clamp_min_(0), width - 1)
    y = torch.minimum(y.clamp_min_(0), height - 1)
    grid = torch.empty(*x.shape, 2, device=x.device)
    grid[..., 0] = _normalise(x, planes.shape[3])
    grid[..., 1] = _normalise(y, planes.shape[2])
    seen = F.grid_sample(planes, grid, padding_mode="border", align_corners=False)
    if inside is not None:
        paint = colour.view(1, 3, 1, 1)
        seen = torch.lerp(paint, seen, inside[:, None])
    return seen if looks == (1, 1) else _average(seen, looks)


def _average(seen: Tensor, looks: Looks) -> Tensor:
    """Average each output pixel's looks: on the CPU, three times as fast as `avg_pool2d`."""
    down, across = looks
    total = torch.zeros_like(seen[..., ::down, ::across])
    for row in range(down):
        for column in range(across):
            total += seen[..., row::down, column::across]
    return total.mul_(1 / (down * across))


def _places(matrices: Tensor, looks: Looks, size: int) -> tuple[Tensor, Tensor]:
    """Compute the pixel indices, x and y, that a batch looks at: [B, size * looks ...] each."""
    rows = _centres(size, looks[0], matrices)[:, None]
    columns = _centres(size, looks[1], matrices)
    xx, xy, x, yx, yy, y = matrices[:, :, None, None].unbind(1)
    return xx * columns + (xy * rows + (x - 0.5)), yx * columns + (yy * rows + (y - 0.5))


def _centres(size: int, looks: int, like: Tensor) -> Tensor:
    return (torch.arange(size * looks, device=like.device) + 0.5) / looks


def _coverage(index: Tensor, length: Tensor) -> Tensor:
    """Tell how much of a bilinear look falls on the image along one axis."""
    return torch.minimum(index + 1, length - index).clamp_(0, 1)


def _reflect(index: Tensor, length: Tensor) -> Tensor:
    """Fold an axis at the image's edges, the edge pixel itself being seen twice."""
    folded = (index + 0.5).remainder(2 * length)
    return torch.minimum(folded, 2 * length - folded) - 0.5


def _normalise(index: Tensor, length: int) -> Tensor:
    """Turn pixel indices into grid_sample's [-1, 1]."""
    return index.add_(0.5).mul_(2 / length).sub_(1)
