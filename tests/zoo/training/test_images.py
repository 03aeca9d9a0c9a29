import pytest
import torch

from zoo.data.pixels.source import LivePixels
from zoo.inputs.contract import Preprocess
from zoo.recipes import Augment
from zoo.training.augment import augment_batch
from zoo.training.batches import order_epoch
from zoo.training.images import TrainingImages

CONTRACT = Preprocess(
    size=32, resize=36, interpolation="bilinear", mean=(0.5, 0.4, 0.3), std=(1.0, 1.0, 1.0)
)


@pytest.fixture
def images(few):
    source = LivePixels(few.train.files, root=few.train.root, side=40)
    return TrainingImages(source, Augment(), CONTRACT, 7, torch.device("cpu"))


@pytest.fixture
def steps(few):
    return order_epoch(len(few.train), 4, seed=0, epoch=0)


def load(images, steps, workers):
    return [
        images.gather(read, step)
        for read, step in zip(images.load(steps, workers=workers), steps, strict=True)
    ]


def test_the_number_of_workers_and_the_starting_point_change_no_pixel(images, steps):
    whole, spread, tail = load(images, steps, 0), load(images, steps, 2), load(images, steps[2:], 0)
    torch.testing.assert_close(whole, spread, rtol=0, atol=0)
    torch.testing.assert_close(whole[2:], tail, rtol=0, atol=0)
    assert whole[0].shape == (4, 3, 32, 32)
    assert whole[0].dtype == torch.uint8


def test_a_batch_is_that_of_the_recipe_and_the_seed(images, steps):
    stored = [images.source.read(index) for _, index in steps[1]]
    expected = augment_batch(
        stored, steps[1], Augment(), CONTRACT, seed=7, device=torch.device("cpu")
    )
    assert torch.equal(load(images, steps, 0)[1], expected)


def test_an_image_is_another_one_in_another_epoch(images):
    first, second, again = load(images, [[(0, 3)], [(1, 3)], [(0, 3)]], 0)
    assert torch.equal(first, again)
    assert not torch.equal(first, second)
