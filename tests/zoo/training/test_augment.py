import pytest
import torch
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as F

from zoo.inputs.contract import Preprocess
from zoo.recipes import Augment
from zoo.seeds import generator_for
from zoo.training.augment import augment, sample_crop

CONTRACT = Preprocess(size=32, resize=32, interpolation="bilinear", mean=(0.0,) * 3, std=(1.0,) * 3)
NO_FLIP = Augment(flip=0.0)


def picture(height: int = 50, width: int = 70) -> torch.Tensor:
    shape = (3, height, width)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator_for("picture"))


@pytest.mark.parametrize("shape", [(50, 70), (300, 20), (1, 1), (7, 500)])
def test_a_crop_lies_inside_the_image(shape):
    for draw in range(200):
        top, left, height, width = sample_crop(*shape, Augment(), generator_for(draw))
        assert 0 <= top <= top + height <= shape[0]
        assert 0 <= left <= left + width <= shape[1]
        assert height > 0
        assert width > 0


def test_crops_keep_area_and_ratio_within_the_recipes_ranges():
    """Rounding to whole pixels moves area and ratio by less than two percent at 400 px."""
    for draw in range(300):
        _, _, height, width = sample_crop(400, 400, Augment(), generator_for(draw))
        assert 0.35 * 0.98 <= height * width / 160_000 <= 1.0
        assert 0.75 * 0.98 <= width / height <= 4 / 3 * 1.02


def test_the_same_place_gives_the_same_picture_and_another_place_another():
    one, same, other = (
        augment(picture(), Augment(), CONTRACT, generator_for(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_the_crop_is_torchvisions_resized_crop():
    box = sample_crop(50, 70, NO_FLIP, generator_for(3))
    expected = F.resized_crop(picture(), *box, [32, 32], InterpolationMode.BILINEAR, antialias=True)
    assert torch.equal(augment(picture(), NO_FLIP, CONTRACT, generator_for(3)), expected)


def test_a_certain_flip_is_the_mirror_image():
    plain = augment(picture(), NO_FLIP, CONTRACT, generator_for(4))
    flipped = augment(picture(), Augment(flip=1.0), CONTRACT, generator_for(4))
    assert torch.equal(flipped, plain.flip(2))


def test_half_of_the_pictures_are_flipped():
    """200 draws at one half: five standard deviations are 35."""
    flips = sum(
        not torch.equal(
            augment(picture(), Augment(), CONTRACT, generator_for(draw)),
            augment(picture(), NO_FLIP, CONTRACT, generator_for(draw)),
        )
        for draw in range(200)
    )
    assert 65 < flips < 135
