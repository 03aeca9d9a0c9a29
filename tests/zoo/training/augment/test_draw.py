from dataclasses import replace

import pytest
import torch

from zoo.recipes import Augment
from zoo.seeds import generator_for
from zoo.training.augment.draw import Draw, draw, sample_crop, sample_erased

RICH = Augment(
    rotation=20,
    shift=0.1,
    shear=5,
    zoom=0.2,
    vertical_flip=0.5,
    brightness=0.2,
    contrast=0.2,
    saturation=0.2,
    hue=0.1,
    erase=0.5,
)


def numbers(*place: int) -> list[float]:
    return torch.rand(40, generator=generator_for(*place), dtype=torch.float64).tolist()


def drawn(recipe: Augment, place: int) -> Draw:
    return draw(recipe, 300, 400, 224, generator_for(place))


@pytest.mark.parametrize("shape", [(50, 70), (300, 20), (1, 1), (7, 500)])
def test_a_crop_lies_inside_the_image(shape):
    for place in range(200):
        top, left, height, width = sample_crop(*shape, Augment(), numbers(place))
        assert 0 <= top <= top + height <= shape[0]
        assert 0 <= left <= left + width <= shape[1]
        assert height > 0
        assert width > 0


def test_crops_keep_area_and_ratio_within_the_recipes_ranges():
    """Rounding to whole pixels moves area and ratio by less than two percent at 400 px."""
    for place in range(300):
        _, _, height, width = sample_crop(400, 400, Augment(), numbers(place))
        assert 0.35 * 0.98 <= height * width / 160_000 <= 1.0
        assert 0.75 * 0.98 <= width / height <= 4 / 3 * 1.02


def test_an_impossible_crop_is_the_largest_of_a_permitted_ratio():
    whole = Augment(crop_scale=(1.0, 1.0))
    assert sample_crop(300, 20, whole, numbers(0)) == (136, 0, 27, 20)


def test_erased_rectangles_keep_the_papers_area_and_ratio():
    """Rounding moves both by less than three percent where a side has 17 px or more."""
    boxes = [sample_erased(224, numbers(place)) for place in range(300)]
    assert None not in boxes
    for _, _, height, width in boxes:
        assert 0.02 * 0.97 <= height * width / 224**2 <= 0.33 * 1.03
        assert 0.3 * 0.97 <= width / height <= 3.3 * 1.03


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"hue": 0.0}, {"hue"}),
        ({"rotation": 0.0}, {"rotation"}),
        ({"crop_scale": None}, {"crop"}),
        ({"erase": 0.0}, {"erase"}),
        ({"flip": 0.0, "vertical_flip": 0.0}, {"flip", "vertical_flip"}),
        ({"grayscale": 1.0}, {"saturation"}),
    ],
)
def test_a_parameter_that_is_turned_off_changes_no_other(change, fields):
    for place in range(20):
        full, less = drawn(RICH, place), drawn(replace(RICH, **change), place)
        assert replace(full, **{name: getattr(less, name) for name in fields}) == less


def test_half_of_the_pictures_are_flipped():
    """400 draws at one half: five standard deviations are 50."""
    assert 150 < sum(drawn(Augment(), place).flip for place in range(400)) < 250


def test_no_colour_factor_is_negative():
    wild = Augment(brightness=3.0, contrast=3.0, saturation=3.0)
    factors = [drawn(wild, place).colours[:3] for place in range(50)]
    assert min(map(min, factors)) == 0.0
    assert max(map(max, factors)) > 3.0
