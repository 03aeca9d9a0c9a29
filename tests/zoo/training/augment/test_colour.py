import pytest
import torch
from torch.testing import assert_close
from torchvision.transforms.v2 import functional as F

from zoo.seeds import generator_for
from zoo.training.augment.colour import adjust_colours

TOLERANCE = {"atol": 255 * 2e-5, "rtol": 0.0}
"""Two orders of float32 arithmetic: hue divides by the chroma, which magnifies rounding."""


def pictures(num: int = 3) -> torch.Tensor:
    """Noise, with every edge of the colour cube: greys, equal channels, black and white."""
    shape = (num, 3, 24, 24)
    levels = torch.randint(0, 256, shape, generator=generator_for("pictures")).float()
    levels[:, :, 0] = levels[:, :1, 0]
    levels[:, 1, 1] = levels[:, 0, 1]
    levels[:, 2, 2] = levels[:, 1, 2]
    levels[:, 2, 3] = levels[:, 0, 3]
    levels[:, :, 4, :2] = torch.tensor((0.0, 255.0))
    return levels


def torchvision_adjusts(image: torch.Tensor, factors: tuple[float, ...]) -> torch.Tensor:
    image = F.adjust_brightness(image / 255, factors[0])
    image = F.adjust_contrast(image, factors[1])
    image = F.adjust_saturation(image, factors[2])
    return 255 * F.adjust_hue(image, factors[3])


@pytest.mark.parametrize(
    "factors",
    [
        (1.3, 1.0, 1.0, 0.0),
        (1.0, 0.4, 1.0, 0.0),
        (1.0, 1.7, 1.0, 0.0),
        (1.0, 1.0, 1.8, 0.0),
        (1.0, 1.0, 1.0, 0.31),
        (1.0, 1.0, 1.0, -0.5),
        (0.7, 1.2, 0.8, -0.04),
    ],
)
def test_colours_are_torchvisions(factors):
    ours = pictures()
    adjust_colours(ours, [factors] * 3)
    expected = torch.stack([torchvision_adjusts(image, factors) for image in pictures()])
    assert_close(ours, expected, **TOLERANCE)


def test_each_sample_gets_factors_of_its_own():
    factors = [(1.0, 1.0, 1.0, 0.0), (0.7, 1.2, 0.8, -0.04), (1.2, 0.9, 1.5, 0.3)]
    ours = pictures()
    adjust_colours(ours, factors)
    for image, before, own in zip(ours, pictures(), factors, strict=True):
        assert_close(image, torchvision_adjusts(before, own), **TOLERANCE)


def test_no_saturation_is_torchvisions_grey():
    ours = pictures()
    adjust_colours(ours, [(1.0, 1.0, 0.0, 0.0)] * 3)
    assert_close(ours, F.rgb_to_grayscale(pictures(), num_output_channels=3), **TOLERANCE)


def test_neutral_factors_change_no_bit():
    ours = pictures()
    adjust_colours(ours, [(1.0, 1.0, 1.0, 0.0)] * 3)
    assert torch.equal(ours, pictures())
