import errno
import resource
from contextlib import closing
from multiprocessing import active_children
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.zoo.training.small_runs import Heard
from zoo.data.pixels import CacheSettings, open_pixels
from zoo.data.pixels.live import LivePixels
from zoo.data.pixels.source import StoredPixels
from zoo.errors import UnreadableImagesError
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
    with closing(TrainingImages(source, Augment(), CONTRACT, 7, torch.device("cpu"))) as found:
        yield found


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


@pytest.fixture
def stored(few, tmp_path):
    """As `images`, with a store that is still empty."""
    cache = CacheSettings(folder=tmp_path / "pixels")
    heard = Heard()
    source = open_pixels(few.train.files, 40, root=few.train.root, cache=cache, progress=heard)
    found = TrainingImages(source, Augment(), CONTRACT, 7, torch.device("cpu"))
    with closing(found):
        yield found, heard


@pytest.mark.parametrize("workers", [0, 2])
def test_the_first_epoch_fills_the_store_and_the_second_reads_it(
    images, steps, stored, workers, monkeypatch
):
    (found, heard), plain = stored, load(images, steps, 0)
    assert found.source.num_stored == 0
    torch.testing.assert_close(load(found, steps, workers), plain, rtol=0, atol=0)
    assert found.source.num_stored == sum(map(len, steps))
    monkeypatch.setattr(LivePixels, "decode", None)
    torch.testing.assert_close(load(found, steps, 0), plain, rtol=0, atol=0)
    torch.testing.assert_close(load(found, steps, workers), plain, rtol=0, atol=0)
    assert not heard.notes


def test_workers_live_from_one_epoch_to_the_next_until_they_are_let_go(images, steps):
    with closing(images):
        assert not active_children()
        load(images, steps, 2)
        first = {child.pid for child in active_children()}
        load(images, steps[1:], 2)
        assert {child.pid for child in active_children()} == first
        assert len(first) == 2
    assert not active_children()


def test_an_epoch_that_is_left_half_way_is_no_part_of_the_next(images, steps):
    with closing(images):
        begun = images.load(steps, workers=2)
        next(begun)
        again = load(images, steps[1:], 2)
        torch.testing.assert_close(again, load(images, steps[1:], 0), rtol=0, atol=0)
    assert not active_children()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_file_that_vanished_is_named_when_its_step_comes(few, steps, tmp_path, workers):
    lost = steps[1][2][1]
    names = np.asarray(few.train.files).astype(object)
    names[lost] = "lost.png"
    source = LivePixels(names, root=few.train.root, side=40)
    with closing(TrainingImages(source, Augment(), CONTRACT, 7, torch.device("cpu"))) as images:
        read = images.load(steps, workers=workers)
        assert next(read).shape == (4, 3, 32, 32)
        with pytest.raises(UnreadableImagesError, match=r"lost\.png: No such file") as caught:
            next(read)
        assert [*caught.value.reasons] == [few.train.root / "lost.png"]


@pytest.mark.parametrize("workers", [0, 2])
def test_what_cannot_be_kept_is_said_once_whoever_finds_it_out(
    images, steps, stored, workers, monkeypatch
):
    found, heard = stored

    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(StoredPixels, "_append", refuse)
    for _ in range(2):
        plain = load(images, steps, 0)
        torch.testing.assert_close(load(found, steps, workers), plain, rtol=0, atol=0)
    (note,) = heard.notes
    assert "18 of 18 images are not kept" in note
    assert "No space left" in note


def test_a_step_costs_few_open_files_however_many_images_it_has(few):
    """Eight steps of a hundred images are kept; sixty files more may be open.

    The workers have begun before: one that lacks files would have this process wait for ever.
    """
    source = LivePixels(few.train.files, root=few.train.root, side=40)
    images = TrainingImages(source, Augment(), CONTRACT, 7, torch.device("meta"))
    step = [(0, place % len(source)) for place in range(100)]
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    open_now = len(list(Path("/proc/self/fd").iterdir()))
    with closing(images):
        read = images.load([step] * 8, workers=2)
        kept = [next(read)]
        resource.setrlimit(resource.RLIMIT_NOFILE, (open_now + 60, before[1]))
        try:
            kept += read
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert [len(batch) for batch in kept] == [100] * 8
    assert torch.equal(kept[7][99], torch.from_numpy(source.read(99 % len(source)).copy()))


@pytest.mark.parametrize(("neighbours", "threads"), [(1, 8), (3, 2), (20, 1)])
def test_processes_on_one_machine_share_its_cores(few, monkeypatch, neighbours, threads):
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    source, asked = LivePixels(few.train.files, root=few.train.root, side=40), []
    read_many = LivePixels.read_many
    monkeypatch.setattr(
        LivePixels,
        "read_many",
        lambda self, indices, *, threads: (asked.append(threads), read_many(self, indices))[1],
    )
    images = TrainingImages(
        source, Augment(), CONTRACT, 7, torch.device("meta"), neighbours=neighbours
    )
    list(images.load([[(0, 0)]], workers=0))
    assert asked == [threads]


def test_a_gpu_is_given_the_pixels_as_they_are(few, steps):
    source = LivePixels(few.train.files, root=few.train.root, side=40)
    images = TrainingImages(source, Augment(), CONTRACT, 7, torch.device("meta"))
    (read,) = images.load(steps[:1], workers=0)
    for image, (_, index) in zip(read, steps[0], strict=True):
        assert torch.equal(image, torch.from_numpy(source.read(index).copy()))
