from dataclasses import replace

import pytest

from zoo.inputs.contract import Preprocess

CONTRACT = Preprocess(
    size=224, resize=256, interpolation="bicubic", mean=(0.5,) * 3, std=(0.5,) * 3
)


def test_another_size_keeps_the_crops_proportion():
    assert CONTRACT.at_size(112).resize == 128


def test_another_size_never_crops_more_than_there_is():
    assert CONTRACT.at_size(1).resize >= 1


def test_a_crop_larger_than_the_image_is_refused():
    with pytest.raises(ValueError, match="cannot crop 300 px out of 256"):
        Preprocess(size=300, resize=256, interpolation="bicubic", mean=(0,) * 3, std=(1,) * 3)


def test_a_zero_std_is_refused():
    with pytest.raises(ValueError, match="std must be positive"):
        Preprocess(size=2, resize=2, interpolation="bicubic", mean=(0,) * 3, std=(1, 0, 1))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("field", ["mean", "std"])
def test_figures_that_are_not_finite_are_refused(field, value):
    with pytest.raises(ValueError, match="must be finite"):
        replace(CONTRACT, **{field: (0.5, value, 0.5)})


@pytest.mark.parametrize("mode", [None, "center"])
def test_a_contract_that_crops_so_already_stays_as_it_is(mode):
    assert CONTRACT.crop_by(mode) is CONTRACT


def test_squashing_shows_the_image_to_its_border():
    squashed = CONTRACT.crop_by("squash")
    assert (squashed.crop_mode, squashed.size, squashed.resize) == ("squash", 224, 224)
    assert squashed.at_size(96).resize == 96


def test_a_contract_that_squashes_can_crop_the_centre_of_the_same_size():
    squashed = replace(CONTRACT, crop_mode="squash")
    assert squashed.crop_by("center") == CONTRACT
