"""The maps against Keras' `ImageDataGenerator`, transcribed with SciPy."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from zoo.inputs.contract import Preprocess
from zoo.recipes import Augment
from zoo.seeds import generator_for
from zoo.training.augment import augment_batch
from zoo.training.augment.draw import Draw, draw

CLASSIC = Augment(crop_scale=None, rotation=20, shift=0.2, shear=0.2, zoom=0.2, flip=0.5)
SHEARED = Augment(crop_scale=None, rotation=20, shift=0.2, shear=15, zoom=0.2, flip=0.5)
SIZE = 64
CONTRACT = Preprocess(
    size=SIZE,
    resize=SIZE,
    crop_mode="squash",
    interpolation="bilinear",
    mean=(0.5,) * 3,
    std=(1.0,) * 3,
)


def keras_transform(image: np.ndarray, drawn: Draw) -> np.ndarray:
    """`keras_preprocessing.image.apply_affine_transform` 1.1.2, then the flip.

    Coordinates are rows, then columns; the matrix leads from the output to the input.
    """
    theta, shear = drawn.rotation, drawn.shear
    rotation = np.array(
        [[np.cos(theta), -np.sin(theta), 0], [np.sin(theta), np.cos(theta), 0], [0, 0, 1]]
    )
    height, width = image.shape[:2]
    shift = np.array([[1, 0, drawn.shift[0] * height], [0, 1, drawn.shift[1] * width], [0, 0, 1]])
    shear_matrix = np.array([[1, -np.sin(shear), 0], [0, np.cos(shear), 0], [0, 0, 1]])
    zoom = np.diag([*drawn.zoom, 1])
    middle, centre = np.eye(3), (height / 2 - 0.5, width / 2 - 0.5)
    middle[:2, 2] = centre
    back = np.eye(3)
    back[:2, 2] = [-part for part in centre]
    matrix = middle @ rotation @ shift @ shear_matrix @ zoom @ back
    channels = [
        ndimage.affine_transform(
            image[..., channel].astype(np.float64),
            matrix[:2, :2],
            matrix[:2, 2],
            order=1,
            mode="nearest",
        )
        for channel in range(3)
    ]
    moved = np.stack(channels, axis=-1)
    return moved[:, ::-1] if drawn.flip else moved


@pytest.mark.parametrize("recipe", [CLASSIC, SHEARED], ids=["classic", "sheared"])
@pytest.mark.parametrize("index", list(range(6)))
def test_an_augmented_image_is_the_one_keras_makes(recipe, index):
    """Noise is the hardest picture to interpolate alike: coordinates that float32 knows to
    1e-5 px, times steps of up to 255 a pixel, are 0.005 grey levels; rounding adds half a one.
    """
    shape = (SIZE, SIZE, 3)
    image = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator_for(index)).numpy()
    drawn = draw(recipe, SIZE, SIZE, SIZE, generator_for(5, "augment", 1, index))
    cpu = torch.device("cpu")
    ours = augment_batch([image], [(1, index)], recipe, CONTRACT, seed=5, device=cpu)
    expected = keras_transform(image, drawn).transpose(2, 0, 1)
    np.testing.assert_allclose(ours[0].numpy(), expected, atol=0.51)
