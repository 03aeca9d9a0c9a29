from dataclasses import replace

import numpy as np
import pytest

from zoo.training.augment.geometry import Affine
from zoo.training.augment.patch import cut

IMAGE = np.arange(60 * 80 * 3, dtype=np.uint32).astype(np.uint8).reshape(60, 80, 3)
SAME = Affine(xx=1.0, xy=0.0, x=0.0, yx=0.0, yy=1.0, y=0.0)
TURNED = replace(SAME, xx=0.9, xy=-0.1, yx=0.1, yy=0.9)


def test_an_upright_map_inside_the_image_is_a_box_of_whole_pixels():
    patch = cut(IMAGE, replace(SAME, x=7.4, y=5.0), 32, "nearest")
    assert patch.is_box
    assert np.array_equal(patch.pixels, IMAGE[5:37, 7:39])


@pytest.mark.parametrize("move", [{"x": -2.0}, {"y": -2.0}, {"x": 60.0}, {"y": 40.0}])
def test_an_upright_map_that_leaves_the_image_is_no_box(move):
    assert not cut(IMAGE, replace(SAME, **move), 32, "nearest").is_box


def test_a_patch_is_a_view_of_what_the_map_reaches_and_one_pixel_more():
    patch = cut(IMAGE, replace(TURNED, x=20.0, y=10.0), 32, "nearest")
    assert np.shares_memory(patch.pixels, IMAGE)
    assert patch.pixels.shape == (34, 35, 3)
    assert (patch.affine.x, patch.affine.y) == pytest.approx((5.0, 1.0), abs=1e-9)


def test_a_mirror_keeps_the_axis_that_the_map_leaves():
    patch = cut(IMAGE, replace(TURNED, x=-5.0, y=10.0), 32, "reflect")
    assert patch.pixels.shape == (34, 80, 3)


@pytest.mark.parametrize("far", [-1000.0, 1000.0])
def test_a_map_that_misses_the_image_keeps_its_nearest_edge(far):
    patch = cut(IMAGE, replace(TURNED, x=far, y=far), 32, "nearest")
    edge = IMAGE[0, 0] if far < 0 else IMAGE[-1, -1]
    assert np.array_equal(patch.pixels, edge[None, None])
