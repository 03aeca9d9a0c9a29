"""What other libraries are told of the preprocessing is what zoo does."""

import math

import pytest

from zoo.backbones.entries.timm_pixels import crop_pct, timm_preprocess
from zoo.hub.interchange.pixels import processor_config
from zoo.inputs.contract import Preprocess

PLAIN = {"mean": (0.4, 0.5, 0.6), "std": (0.2, 0.3, 0.25)}


def contract(size: int, resize: int, **changes) -> Preprocess:
    return Preprocess(size=size, resize=resize, **({"interpolation": "bilinear"} | PLAIN | changes))


def test_timm_comes_to_the_very_size_that_the_contract_resizes_to():
    """By its own arithmetic; a plain quotient misses 1 in 15 of these pairs."""
    missed = 0
    for size in (1, 32, 63, 64, 96, 224, 240, 256, 299, 384, 518):
        for resize in range(size, 2 * size + 3):
            found = crop_pct(contract(size, resize))
            assert 0 < found <= 1
            assert math.floor(size / found) == resize
            missed += math.floor(size / (size / resize)) != resize
    assert missed > 100


def test_timms_own_transform_resizes_and_crops_as_the_contract_says():
    from timm.data import create_transform

    told = timm_preprocess(contract(224, 235, interpolation="bicubic"))
    resize, crop, _, normalize = create_transform(**told, is_training=False).transforms
    assert (resize.size, resize.interpolation.value) == (235, "bicubic")
    assert tuple(crop.size) == (224, 224)
    assert normalize.mean.tolist() == pytest.approx([0.4, 0.5, 0.6])
    assert normalize.std.tolist() == pytest.approx([0.2, 0.3, 0.25])


def test_squashed_images_are_squashed_elsewhere_too():
    from timm.data import create_transform

    squashed = contract(64, 64, crop_mode="squash")
    resize, *_ = create_transform(**timm_preprocess(squashed), is_training=False).transforms
    assert tuple(resize.size) == (64, 64)
    told = processor_config(squashed)
    assert (told["size"], told["do_center_crop"]) == ({"height": 64, "width": 64}, False)


def test_a_processor_keeps_the_shape_and_crops_the_centre():
    told = processor_config(contract(64, 75, interpolation="bicubic"))
    assert told["size"] == {"shortest_edge": 75}
    assert (told["do_center_crop"], told["crop_size"]) == (True, {"height": 64, "width": 64})
    assert (told["resample"], told["rescale_factor"]) == (3, 1 / 255)
