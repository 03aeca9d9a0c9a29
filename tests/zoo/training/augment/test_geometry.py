import math
from dataclasses import replace

import pytest

from zoo.inputs.contract import Preprocess
from zoo.training.augment.draw import Draw
from zoo.training.augment.geometry import Affine, compose, evaluation_window, whole_pixels

STILL = Draw(
    crop=None,
    rotation=0.0,
    shift=(0.0, 0.0),
    shear=0.0,
    zoom=(1.0, 1.0),
    flip=False,
    vertical_flip=False,
    brightness=1.0,
    contrast=1.0,
    saturation=1.0,
    hue=0.0,
    erase=None,
)
CONTRACT = Preprocess(size=32, resize=40, interpolation="bilinear", mean=(0.5,) * 3, std=(1.0,) * 3)


def point(affine: Affine, column: float, row: float) -> tuple[float, float]:
    """Where a point of the output lies in the image: x and y."""
    return (
        affine.xx * column + affine.xy * row + affine.x,
        affine.yx * column + affine.yy * row + affine.y,
    )


def test_a_still_draw_lays_the_output_over_the_window():
    affine = compose(STILL, (10.0, 20.0, 50.0, 70.0), 100)
    assert affine.is_upright
    assert point(affine, 0, 0) == pytest.approx((20, 10), abs=1e-9)
    assert point(affine, 100, 100) == pytest.approx((90, 60), abs=1e-9)


def test_a_flip_mirrors_the_output_not_the_map():
    tilted = replace(STILL, rotation=0.3, shift=(0.1, 0.2), shear=0.1)
    window = (10.0, 20.0, 50.0, 70.0)
    plain = compose(tilted, window, 100)
    flipped = compose(replace(tilted, flip=True), window, 100)
    upside_down = compose(replace(tilted, vertical_flip=True), window, 100)
    assert point(flipped, 30, 60) == pytest.approx(point(plain, 70, 60), abs=1e-9)
    assert point(upside_down, 30, 60) == pytest.approx(point(plain, 30, 40), abs=1e-9)


def test_a_rotation_keeps_the_centre_and_all_distances():
    affine = compose(replace(STILL, rotation=0.7), (0.0, 0.0, 100.0, 100.0), 100)
    assert not affine.is_upright
    assert point(affine, 50, 50) == pytest.approx((50, 50), abs=1e-9)
    assert math.dist(point(affine, 10, 20), point(affine, 50, 60)) == pytest.approx(
        math.dist((10, 20), (50, 60)), abs=1e-9
    )


def test_bounds_enclose_all_corners_and_touch_them():
    tilted = replace(STILL, rotation=0.4, shear=0.2, zoom=(0.8, 1.3), flip=True)
    affine = compose(tilted, (5.0, 9.0, 60.0, 80.0), 100)
    corners = [point(affine, column, row) for column in (0, 100) for row in (0, 100)]
    top, left, height, width = affine.bounds(100)
    assert (left, left + width) == pytest.approx(
        (min(x for x, _ in corners), max(x for x, _ in corners)), abs=1e-9
    )
    assert (top, top + height) == pytest.approx(
        (min(y for _, y in corners), max(y for _, y in corners)), abs=1e-9
    )


def test_evaluation_sees_the_centre_or_all_of_a_squashed_image():
    assert evaluation_window(100, 200, CONTRACT) == (10, 60, 80, 80)
    squashed = CONTRACT.crop_by("squash")
    assert evaluation_window(100, 200, squashed) == (0, 0, 100, 200)


@pytest.mark.parametrize(
    ("bounds", "box"),
    [
        ((0.4, 1.6, 9.2, 3.0), (0, 2, 10, 3)),
        ((5.1, 5.1, 0.2, 0.2), (5, 5, 1, 1)),
    ],
)
def test_edges_are_rounded_and_a_box_is_never_empty(bounds, box):
    assert whole_pixels(bounds) == box
