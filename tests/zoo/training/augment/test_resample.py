import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch.testing import assert_close
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as F

from zoo.seeds import generator_for
from zoo.training.augment.geometry import Affine
from zoo.training.augment.patch import Fill, Patch, cut
from zoo.training.augment.resample import _table, resample, stack
from zoo.training.augment.stretch import stretch, stretch_together
from zoo.training.augment.warp import looks_for, warp

CPU = torch.device("cpu")
COLOUR = (10.0, 100.0, 200.0)
SAME = Affine(xx=1.0, xy=0.0, x=0.0, yx=0.0, yy=1.0, y=0.0)


def noise(height: int, width: int) -> np.ndarray:
    shape = (height, width, 3)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator_for(*shape)).numpy()


def smooth(height: int, width: int) -> np.ndarray:
    """Noise without its finest detail, like a photograph."""
    coarse = torch.from_numpy(noise(height // 4, width // 4)).permute(2, 0, 1).float()
    fine = F.resize(coarse, [height, width], InterpolationMode.BICUBIC).clamp(0, 255)
    return fine.round().to(torch.uint8).permute(1, 2, 0).numpy()


def resampled(patch: Patch, size: int, fill: Fill = "nearest") -> torch.Tensor:
    out = torch.empty(1, 3, size, size)
    resample([patch], out, fill=fill, colour=COLOUR, interpolation="bilinear")
    return out[0]


def turned(angle: float, size: int, scale: float = 1.0) -> Affine:
    """The map of torchvision's `rotate`, which turns counter-clockwise, and of its scaling."""
    cos, sin = math.cos(math.radians(angle)) / scale, math.sin(math.radians(angle)) / scale
    half = size / 2
    return Affine(
        xx=cos,
        xy=-sin,
        x=half - half * cos + half * sin,
        yx=sin,
        yy=cos,
        y=half - half * sin - half * cos,
    )


def planes(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1).float()


def stacked(patches: list[Patch]) -> torch.Tensor:
    """One group alone, as floats [B, 3, H, W]."""
    (pixels,) = stack([patches], CPU)
    return pixels.permute(0, 3, 1, 2).float()


BOXES = [(50, 70), (32, 32), (20, 90), (1, 3), (100, 31)]


@pytest.mark.parametrize("shape", BOXES)
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_a_box_is_torchvisions_resized_crop(shape, interpolation):
    """Where torchvision has no uint8 kernel for a processor it rounds once instead of twice:
    one grey level.
    """
    image = noise(120, 130)
    height, width = shape
    affine = Affine(xx=width / 32, xy=0.0, x=9.0, yx=0.0, yy=height / 32, y=4.0)
    patch = cut(image, affine, 32, "nearest")
    assert patch.is_box
    expected = F.resized_crop(
        torch.from_numpy(image).permute(2, 0, 1),
        4,
        9,
        height,
        width,
        [32, 32],
        InterpolationMode(interpolation),
        antialias=True,
    )
    assert_close(stretch(patch, 32, interpolation).float(), expected.float(), atol=1.0, rtol=0.0)


def test_each_group_is_stacked_apart_in_the_upper_left_corner():
    shapes = [[(5, 9), (7, 3)], [], [(2, 2)]]
    groups = [
        [Patch(pixels=noise(*shape), affine=SAME, is_box=True) for shape in group]
        for group in shapes
    ]
    found = stack(groups, CPU)
    assert [tuple(part.shape) for part in found] == [(2, 7, 9, 3), (0, 0, 0, 3), (1, 2, 2, 3)]
    for part, group in zip(found, groups, strict=True):
        for slot, patch in zip(part.numpy(), group, strict=True):
            height, width = patch.pixels.shape[:2]
            np.testing.assert_array_equal(slot[:height, :width], patch.pixels)
            assert not slot[height:].any()
            assert not slot[:, width:].any()


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_boxes_together_are_boxes_one_by_one(interpolation):
    """The uint8 kernel's weights are whole numbers too: one grey level, which bicubic's
    weights beyond one can make two.
    """
    flips = [(1, 1), (-1, 1), (1, -1), (-1, -1), (1, 1)]
    patches = [
        Patch(pixels=noise(*shape), affine=replace(SAME, xx=float(x), yy=float(y)), is_box=True)
        for shape, (y, x) in zip(BOXES, flips, strict=True)
    ]
    matrices, sizes, _ = _table(patches, COLOUR).split([6, 2, 3], dim=1)
    together = stretch_together(stacked(patches), sizes, matrices, 32, interpolation)
    single = torch.stack([stretch(patch, 32, interpolation) for patch in patches]).float()
    assert_close(together, single, atol=1.0 if interpolation == "bilinear" else 2.0, rtol=0.0)


@pytest.mark.parametrize("axis", ["xx", "yy"])
def test_a_negative_scale_is_a_mirror_image(axis):
    patch = Patch(pixels=noise(40, 50), affine=SAME, is_box=True)
    mirrored = replace(patch, affine=replace(SAME, **{axis: -1.0}))
    flipped = resampled(patch, 32).flip(2 if axis == "xx" else 1)
    assert torch.equal(resampled(mirrored, 32), flipped)


def over_colour(
    image: np.ndarray, transform: Callable[[torch.Tensor], torch.Tensor]
) -> torch.Tensor:
    """Lay torchvision's picture, black outside, over the colour.

    Its own `fill` multiplies the pixels on the edge by their coverage twice.
    """
    inside = transform(torch.ones(1, *image.shape[:2]))
    return transform(planes(image)) + (1 - inside) * torch.tensor(COLOUR).view(3, 1, 1)


@pytest.mark.parametrize("angle", [-30.0, 15.0, 90.0, 171.0])
def test_a_rotation_over_a_colour_is_torchvisions(angle):
    """Both look bilinearly; coordinates that float32 knows to 1e-5 px times steps of 255."""
    image = noise(48, 48)
    rotate = partial(F.rotate, angle=angle, interpolation=InterpolationMode.BILINEAR)
    patch = cut(image, turned(angle, 48), 48, "mean")
    assert_close(resampled(patch, 48, "mean"), over_colour(image, rotate), atol=0.02, rtol=0.0)


@pytest.mark.parametrize(
    ("shear", "translate", "scale"),
    [(0.0, (5, -3), 1.0), (12.0, (0, 0), 1.0), (0.0, (0, 0), 1.4), (-7.0, (2, 3), 0.8)],
)
def test_shift_shear_and_zoom_over_a_colour_are_torchvisions(shear, translate, scale):
    image = noise(48, 48)
    move = partial(
        F.affine,
        angle=0.0,
        translate=list(translate),
        scale=scale,
        shear=[shear, 0.0],
        interpolation=InterpolationMode.BILINEAR,
    )
    tangent = math.tan(math.radians(shear)) / scale
    affine = Affine(
        xx=1 / scale,
        xy=tangent,
        x=24 - (24 + translate[0]) / scale - tangent * (24 + translate[1]),
        yx=0.0,
        yy=1 / scale,
        y=24 - (24 + translate[1]) / scale,
    )
    patch = Patch(pixels=image, affine=affine, is_box=False)
    assert_close(resampled(patch, 48, "mean"), over_colour(image, move), atol=0.02, rtol=0.0)


@pytest.mark.parametrize(("fill", "mode"), [("nearest", "edge"), ("reflect", "symmetric")])
def test_outside_lies_the_edge_or_the_mirror_image(fill, mode):
    """Against an image that NumPy has padded, so that nothing lies outside."""
    image = noise(40, 40)
    padded = np.pad(image, ((30, 30), (30, 30), (0, 0)), mode=mode)
    affine = turned(33.0, 40, scale=0.7)
    inside = replace(affine, x=affine.x + 30, y=affine.y + 30)
    ours = resampled(cut(image, affine, 40, fill), 40, fill)
    assert_close(ours, resampled(cut(padded, inside, 40, fill), 40, fill), atol=0.02, rtol=0.0)


def test_what_shrinks_is_close_to_an_antialiased_resize():
    """A box filter against a triangle: about one grey level on average on smooth images, and
    far closer than a single look.
    """
    image = smooth(240, 240)
    expected = F.resize(planes(image), [80, 80], InterpolationMode.BILINEAR, antialias=True)
    affine = replace(SAME, xx=3.0, yy=3.0)
    patch = Patch(pixels=image, affine=affine, is_box=False)
    once = warp(
        stacked([patch]),
        torch.tensor([[240.0, 240.0]]),
        torch.tensor([patch.affine.row]),
        (1, 1),
        80,
        fill="nearest",
        colour=torch.tensor(COLOUR),
    )[0]
    error = (resampled(patch, 80) - expected).abs().mean()
    assert looks_for(affine) == (3, 3)
    assert error < 6
    assert error < 0.5 * (once - expected).abs().mean()


@pytest.mark.parametrize(
    ("scale", "looks"), [(0.5, 1), (1.49, 1), (1.5, 2), (2.4, 2), (2.6, 3), (99.0, 8)]
)
def test_looks_follow_the_shrinking_of_each_axis(scale, looks):
    assert looks_for(replace(SAME, xx=scale)) == (1, looks)
    assert looks_for(replace(SAME, xx=0.0, xy=scale, yx=1.0, yy=0.0)) == (looks, 1)


@pytest.mark.parametrize("fill", ["nearest", "reflect", "mean"])
def test_patches_of_all_kinds_come_back_in_their_order(fill):
    """The padding that a batch needs moves coordinates by a rounding error, 1e-5 px."""
    image = noise(90, 70)
    maps = [turned(20.0, 64), SAME, turned(-40.0, 64, scale=0.4), replace(SAME, xx=-1.0, x=64.0)]
    patches = [cut(image[: 90 - 5 * at], each, 64, fill) for at, each in enumerate(maps)]
    together = torch.empty(4, 3, 64, 64)
    resample(patches, together, fill=fill, colour=COLOUR, interpolation="bilinear")
    single = torch.stack([resampled(patch, 64, fill) for patch in patches])
    assert_close(together, single, atol=0.02, rtol=0.0)
