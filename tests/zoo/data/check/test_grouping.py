import numpy as np
import pytest
from PIL import Image

from tests.textures import COPIES, save, texture
from zoo.data.check.grouping import group_pictures
from zoo.data.check.look import LOOK, look_at
from zoo.progress import Silence


def look(paths):
    return look_at(paths, [""] * len(paths), Silence())[0]


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    folder = tmp_path_factory.mktemp("originals")
    return look([save(texture(number), folder / f"{number}.png") for number in range(40)])


@pytest.mark.parametrize("how", list(COPIES))
def test_a_copy_is_found_and_nothing_else(originals, tmp_path, how):
    copies = look(
        [save(COPIES[how](texture(n)), tmp_path / f"{n}.jpg", quality=90) for n in range(40)]
    )
    groups = group_pictures(np.concatenate([originals, copies]), Silence()).group_of
    np.testing.assert_array_equal(groups[:40], groups[40:])
    assert len(set(groups.tolist())) == 40


def test_a_turned_copy_says_how_it_lies(originals, tmp_path):
    mirrored = look([save(COPIES["mirrored"](texture(5)), tmp_path / "m.png")])
    found = group_pictures(np.concatenate([originals, mirrored]), Silence())
    assert set(found.turned.values()) == {"mirrored"}
    assert set(found.turned) <= {5, 40}


def test_different_pictures_are_not_grouped(originals):
    assert len(set(group_pictures(originals, Silence()).group_of.tolist())) == 40


def test_one_shape_in_two_colours_is_two_pictures(tmp_path):
    """A garment is photographed in red and in blue."""
    grey = np.asarray(texture(1).convert("L").resize((64, 64)))
    paths = []
    for name, channel in (("red", 0), ("blue", 2)):
        pixels = np.zeros((64, 64, 3), np.uint8)
        pixels[..., channel] = grey
        pixels[..., 1] = grey // 2
        paths.append(save(Image.fromarray(pixels), tmp_path / f"{name}.png"))
    assert group_pictures(look(paths), Silence()).group_of.tolist() == [0, 1]


def test_images_of_one_colour_are_no_picture(tmp_path):
    paths = [
        save(Image.new("RGB", (50, 50), colour), tmp_path / f"{colour}.png")
        for colour in ("white", "black", "snow")
    ]
    assert group_pictures(look(paths), Silence()).group_of.tolist() == [0, 1, 2]


def test_many_frames_of_one_scene_are_one_group():
    scene = np.asarray(texture(0).convert("L").resize((32, 32)), dtype=float)
    noise = np.random.default_rng(0).normal(0, 3, (400, 32, 32))
    looks = np.zeros(400, LOOK)
    looks["luma"] = (scene + noise).clip(0, 255)
    looks["spread"] = 200
    assert set(group_pictures(looks, Silence()).group_of.tolist()) == {0}


def test_groups_are_numbered_without_gaps(originals):
    groups = group_pictures(originals[[0, 1, 0, 2, 1]], Silence()).group_of
    assert groups.tolist() == [0, 1, 0, 2, 1]


def test_nothing_is_in_no_group():
    assert group_pictures(np.zeros(0, LOOK), Silence()).group_of.tolist() == []
