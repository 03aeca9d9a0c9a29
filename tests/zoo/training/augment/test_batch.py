from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.testing import assert_close
from torchvision.transforms.v2 import functional as F

from tests.zoo.training.transfers import Copies, NumbersOnCPU
from zoo.inputs.contract import Preprocess
from zoo.inputs.image import normalize, preprocess
from zoo.recipes import Augment
from zoo.seeds import generator_for
from zoo.training.augment import augment_batch, mix

CONTRACT = Preprocess(
    size=32,
    resize=36,
    interpolation="bilinear",
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
)
PIXELS = replace(CONTRACT, mean=(0.0,) * 3, std=(1 / 255,) * 3)
"""The same contract, for `preprocess` to return grey levels."""
STILL = Augment(crop_scale=None, flip=0.0)
RICH = Augment(
    rotation=20,
    shift=0.1,
    zoom=0.3,
    brightness=0.2,
    contrast=0.2,
    saturation=0.2,
    hue=0.1,
    grayscale=0.2,
    erase=0.5,
)
SHAPES = [(50, 70), (64, 48), (40, 40), (36, 200), (33, 41), (90, 90), (300, 36), (40, 64)]
IMAGES = [
    torch.randint(0, 256, (*shape, 3), dtype=torch.uint8, generator=generator_for(*shape)).numpy()
    for shape in SHAPES
]


def augmented(
    recipe: Augment,
    indices: Sequence[int] = range(len(IMAGES)),
    *,
    epoch: int = 1,
    seed: int = 0,
    contract: Preprocess = CONTRACT,
) -> torch.Tensor:
    images = [IMAGES[index] for index in indices]
    places = [(epoch, index) for index in indices]
    return augment_batch(images, places, recipe, contract, seed=seed, device=torch.device("cpu"))


@pytest.mark.parametrize(
    "recipe", [Augment(), RICH, replace(RICH, fill="reflect"), replace(RICH, fill="mean")]
)
def test_what_becomes_of_a_sample_does_not_depend_on_its_batch(recipe):
    together = augmented(recipe)
    assert together.dtype == torch.uint8
    assert together.shape == (8, 3, 32, 32)
    alone = torch.cat([augmented(recipe, [index]) for index in range(8)])
    assert torch.equal(together, alone)
    assert torch.equal(together[[6, 1, 3]], augmented(recipe, [6, 1, 3]))


def test_another_epoch_or_seed_gives_another_picture():
    first = augmented(RICH)
    assert torch.equal(first, augmented(RICH))
    for other in (augmented(RICH, epoch=2), augmented(RICH, seed=1)):
        assert not any(map(torch.equal, first, other))


@pytest.mark.parametrize("mode", ["center", "squash"])
def test_without_ranges_a_sample_is_what_evaluation_sees(mode):
    """Evaluation crops after it resizes, and sees a little over the crop's border: one level
    on a ramp of four levels an output pixel. Rounding adds half a level.
    """
    rows, columns = np.mgrid[0:144, 0:176]
    image = np.stack([rows, columns, (rows + columns) // 2], axis=-1).astype(np.uint8)
    contract, exact = (each.crop_by(mode) for each in (CONTRACT, PIXELS))
    cpu = torch.device("cpu")
    ours = augment_batch([image], [(0, 0)], STILL, contract, seed=0, device=cpu)[0]
    expected = preprocess(torch.from_numpy(image).permute(2, 0, 1), exact)
    assert_close(ours.float(), expected, atol=1.5, rtol=0.0)


def test_a_certain_flip_is_the_mirror_image():
    assert torch.equal(augmented(Augment(flip=1.0)), augmented(Augment(flip=0.0)).flip(3))
    upside_down = augmented(Augment(flip=0.0, vertical_flip=1.0))
    assert torch.equal(upside_down, augmented(Augment(flip=0.0)).flip(2))


def test_certain_greyness_is_torchvisions_grey():
    """Both round to whole levels, once more after resizing."""
    grey = F.rgb_to_grayscale(augmented(Augment()), num_output_channels=3)
    assert_close(augmented(Augment(grayscale=1.0)).float(), grey.float(), atol=1.0, rtol=0.0)


def test_erased_rectangles_have_the_contracts_mean():
    plain, erased = augmented(Augment()), augmented(Augment(erase=1.0))
    mean = torch.tensor(CONTRACT.mean).mul(255).round().to(torch.uint8).view(3, 1, 1)
    for before, after in zip(plain, erased, strict=True):
        changed = (before != after).any(dim=0)
        assert changed.any()
        assert torch.equal(torch.where(changed, mean, before), after)


def test_read_only_pixels_and_tensors_are_taken_and_left_as_they_are():
    locked = IMAGES[0].copy()
    locked.flags.writeable = False
    tensor = torch.from_numpy(IMAGES[0].copy())
    cpu = torch.device("cpu")
    for recipe in (Augment(), RICH):
        results = [
            augment_batch([image], [(1, 0)], recipe, CONTRACT, seed=0, device=cpu)
            for image in (locked, tensor)
        ]
        assert torch.equal(*results)
        assert np.array_equal(tensor.numpy(), IMAGES[0])


@pytest.mark.parametrize("recipe", [Augment(), RICH, replace(RICH, fill="mean", mixup=1.0)])
def test_an_accelerator_is_sent_the_pixels_at_once_and_a_few_small_tensors_a_batch(recipe):
    """And nothing is asked back: on `meta`, that is an error."""
    places, meta = [(1, index) for index in range(len(IMAGES))], torch.device("meta")
    with NumbersOnCPU(), Copies() as copies:
        pixels = augment_batch(IMAGES, places, recipe, CONTRACT, seed=0, device=meta)
        mixed = mix(pixels, recipe, seed=0, step=0).images
        assert normalize(mixed, CONTRACT).shape == (len(IMAGES), 3, 32, 32)
    table, (num_bytes,), colours, *small = copies.sent
    assert (table, colours) == ((len(IMAGES), 6 + 2 + 3), (len(IMAGES), 4))
    assert num_bytes > 3 * 32 * 32
    paint = [(3,)] if recipe.erase else []
    assert small == [*paint, (len(IMAGES),), (2, 3)]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
@pytest.mark.parametrize("recipe", [Augment(), RICH, replace(RICH, fill="reflect")])
def test_a_gpu_shows_the_same_pictures(recipe):
    """Boxes differ by a level, which colours magnify, most of all where hardly any colour is."""
    places = [(1, index) for index in range(len(IMAGES))]
    gpu = torch.device("cuda")
    ours = augment_batch(IMAGES, places, recipe, CONTRACT, seed=0, device=gpu).cpu()
    difference = (ours.float() - augmented(recipe).float()).abs()
    assert difference.mean() < 0.5
    assert difference.quantile(0.99) <= 3
