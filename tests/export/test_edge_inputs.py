from itertools import combinations

import pytest
import torch

from export.edge_inputs import make_edge_inputs
from zoo.inputs.contract import Preprocess

CONTRACT = Preprocess(
    size=48, resize=56, interpolation="bicubic", mean=(0.5, 0.4, 0.3), std=(0.2, 0.25, 0.3)
)


@pytest.fixture(scope="module")
def edges():
    return make_edge_inputs(CONTRACT)


def pixels(picture):
    """Take the normalisation back, [0, 1]."""
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (CONTRACT.mean, CONTRACT.std))
    return picture * std + mean


def test_they_are_distinct_and_finite(edges):
    assert list(edges) == [
        *("(black)", "(white)", "(grey)", "(noise)", "(extremes)", "(checkerboard)", "(impulse)"),
        *("(1:16)", "(16:1)"),
    ]
    assert all(picture.shape == (3, 48, 48) for picture in edges.values())
    assert all(picture.isfinite().all() for picture in edges.values())
    for one, other in combinations(edges.values(), 2):
        assert (one - other).abs().max() > 0.1


def test_what_is_drawn_is_within_what_pixels_can_be(edges):
    for name, picture in edges.items():
        if name not in ("(1:16)", "(16:1)"):  # bicubic interpolation overshoots there
            # 1e-6: the normalisation is taken back in float32.
            assert pixels(picture).min() >= -1e-6, name
            assert pixels(picture).max() <= 1 + 1e-6, name


def test_extremes_have_nothing_between_the_ends(edges):
    found = pixels(edges["(extremes)"])
    assert ((found.abs() < 1e-6) | ((found - 1).abs() < 1e-6)).all()
    assert 0.4 < found.mean() < 0.6


def test_an_impulse_is_one_pixel_off_the_middle(edges):
    places = (pixels(edges["(impulse)"]) > 0.5).nonzero()[:, 1:].unique(dim=0)
    assert places.tolist() == [[16, 12]]


def test_narrow_pictures_went_through_the_preprocessing(edges):
    """A crop of 1 in 16 shows little of the shade along the long side, and all of the other."""
    tall, wide = pixels(edges["(1:16)"]), pixels(edges["(16:1)"])
    across, down = (lambda p: p[0].mean(dim=0)), (lambda p: p[1].mean(dim=1))
    assert across(tall)[-1] - across(tall)[0] > 0.4 > down(tall)[-1] - down(tall)[0]
    assert down(wide)[-1] - down(wide)[0] > 0.4 > across(wide)[-1] - across(wide)[0]


def test_they_are_the_same_every_time(edges):
    for name, picture in make_edge_inputs(CONTRACT).items():
        assert torch.equal(picture, edges[name])
