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
