"""What `vgg-classic` does to images against Keras' `ImageDataGenerator`."""

import math
import os

import numpy as np
import pytest
import torch
from scipy import ndimage, stats

from zoo.inputs.contract import Preprocess
from zoo.recipes import Augment
from zoo.registry.files import built_in_registry
from zoo.seeds import generator_for
from zoo.training.augment import augment_batch
from zoo.training.augment.draw import Draw, draw

CLASSIC = built_in_registry().recipe("vgg-classic").augment
SHEARED = Augment(crop_scale=None, rotation=90, shift=0.3, shear=30, zoom=0.3, vertical_flip=0.5)
RECIPES = pytest.mark.parametrize("recipe", [CLASSIC, SHEARED], ids=["classic", "sheared"])
SIZES = pytest.mark.parametrize("size", [32, 45, 224])


def noise(size: int, index: int) -> np.ndarray:
    """The hardest picture to interpolate alike, of the size that the network takes."""
    generator = generator_for(size, index)
    return torch.randint(0, 256, (size, size, 3), dtype=torch.uint8, generator=generator).numpy()


def drawn_for(recipe: Augment, size: int, index: int) -> Draw:
    return draw(recipe, size, size, size, generator_for(5, "augment", 1, index))


def augmented(image: np.ndarray, recipe: Augment, index: int) -> np.ndarray:
    """What zoo makes of an image: [height, width, 3]."""
    contract = Preprocess(
        size=len(image),
        resize=len(image),
        crop_mode="squash",
        interpolation="bilinear",
        mean=(0.5,) * 3,
        std=(1.0,) * 3,
    )
    cpu = torch.device("cpu")
    batch = augment_batch([image], [(1, index)], recipe, contract, seed=5, device=cpu)
    return batch[0].permute(1, 2, 0).numpy()


def restated(image: np.ndarray, drawn: Draw) -> np.ndarray:
    """Keras' `apply_affine_transform`, stated anew, and the flips that follow it.

    Its matrices map x and y, in this order, from the output to the input, about the centre of
    pixels that have their centres at whole numbers; SciPy wants rows before columns.
    """
    theta, shear = drawn.rotation, drawn.shear
    rotate = np.array([[math.cos(theta), -math.sin(theta)], [math.sin(theta), math.cos(theta)]])
    skew = np.array([[1, -math.sin(shear)], [0, math.cos(shear)]])
    linear = rotate @ skew @ np.diag(drawn.zoom[::-1])
    centre = np.full(2, (len(image) - 1) / 2)
    offset = centre - linear @ centre + rotate @ (len(image) * np.array(drawn.shift[::-1]))
    planes = image.transpose(2, 0, 1).astype(np.float64)
    moved = np.stack(
        [
            ndimage.affine_transform(
                plane, linear[::-1, ::-1], offset[::-1], order=1, mode="nearest"
            )
            for plane in planes
        ],
        axis=-1,
    )
    moved = moved[:, ::-1] if drawn.flip else moved
    return moved[::-1] if drawn.vertical_flip else moved


@RECIPES
@SIZES
def test_an_augmented_image_is_the_one_of_keras_formulas(recipe, size):
    """Coordinates that float32 knows to 1e-5 px, times steps of up to 255 a pixel, are 0.005
    grey levels; rounding adds half a one.
    """
    for index in range(8):
        image = noise(size, index)
        expected = restated(image, drawn_for(recipe, size, index))
        np.testing.assert_allclose(augmented(image, recipe, index), expected, rtol=0, atol=0.51)


def test_every_parameter_is_drawn_from_keras_distribution():
    """Uniform and independent, height and width apart. Seeded, and far from their bounds: a
    fair draw fails one test in ten thousand.
    """
    draws = [drawn_for(CLASSIC, 224, index) for index in range(1000)]
    ranges = {
        "rotation": ([math.degrees(d.rotation) for d in draws], 0, 20),
        "shift down": ([d.shift[0] for d in draws], 0, 0.2),
        "shift right": ([d.shift[1] for d in draws], 0, 0.2),
        "shear": ([math.degrees(d.shear) for d in draws], 0, 0.2),
        "zoom of height": ([d.zoom[0] for d in draws], 1, 0.2),
        "zoom of width": ([d.zoom[1] for d in draws], 1, 0.2),
    }
    for name, (numbers, middle, reach) in ranges.items():
        fit = stats.kstest(numbers, stats.uniform(middle - reach, 2 * reach).cdf)
        assert fit.pvalue > 1e-4, name
    flips = [d.flip for d in draws]
    assert stats.binomtest(sum(flips), len(flips), 0.5).pvalue > 1e-4
    together = np.corrcoef([*(numbers for numbers, _, _ in ranges.values()), flips])
    # Four standard deviations of the correlation of a thousand independent pairs.
    assert np.abs(together - np.eye(len(together))).max() < 4 / len(draws) ** 0.5
    assert not any(d.vertical_flip or d.crop or d.erase for d in draws)
    assert {d.colours for d in draws} == {(1.0, 1.0, 1.0, 0.0)}


@RECIPES
@SIZES
# Keras' code, not ours, is what may be deprecated.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_augmented_image_is_the_one_keras_makes(recipe, size, monkeypatch):
    monkeypatch.setitem(os.environ, "KERAS_BACKEND", "torch")
    image_module = pytest.importorskip("keras._tf_keras.keras.preprocessing.image")
    generator = image_module.ImageDataGenerator(fill_mode="nearest")
    for index in range(8):
        image, drawn = noise(size, index), drawn_for(recipe, size, index)
        named = {
            "theta": math.degrees(drawn.rotation),
            "tx": drawn.shift[1] * size,
            "ty": drawn.shift[0] * size,
            "shear": math.degrees(drawn.shear),
            "zx": drawn.zoom[1],
            "zy": drawn.zoom[0],
            "flip_horizontal": drawn.flip,
            "flip_vertical": drawn.vertical_flip,
        }
        theirs = generator.apply_transform(image.astype(np.float32), named)
        np.testing.assert_allclose(augmented(image, recipe, index), theirs, rtol=0, atol=0.51)
