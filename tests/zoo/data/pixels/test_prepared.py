import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from tests.zoo.data.pixels.conftest import ORIENTATION, make_files, picture, read_all
from zoo.data.pixels.live import LivePixels
from zoo.data.pixels.open import open_pixels, open_prepared
from zoo.data.pixels.prepared import LivePrepared, LiveTwice, to_batch
from zoo.inputs.contract import Preprocess
from zoo.inputs.image import preprocess, read_image, to_tensor

CONTRACT = Preprocess(
    size=24, resize=28, interpolation="bicubic", mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.25)
)
SIDE = 30


@pytest.fixture
def files(root) -> list[str]:
    """Small and large ones, upright and turned, larger and smaller than the contract's size."""
    names = make_files(root)
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    for number, size in enumerate([(20, 16), (64, 59), (300, 200)]):
        picture(number, size).save(root / f"x{number}.jpg", exif=exif)
        picture(number, size).save(root / f"x{number}.png")
        names += [f"x{number}.jpg", f"x{number}.png"]
    return names


def expected(files, root) -> torch.Tensor:
    """What the contract makes of the files themselves."""
    return torch.stack([preprocess(to_tensor(read_image(root / f)), CONTRACT) for f in files])


@pytest.mark.parametrize("times", [1, 2])
def test_a_store_gives_the_contracts_images_bit_for_bit(files, root, cache, times):
    for _ in range(times):
        source = open_prepared(files, CONTRACT, root=root, cache=cache)
        found = source.read_many(range(len(files)))
    assert source.num_stored == len(files)
    assert torch.equal(to_batch(found.pixels.values(), CONTRACT), expected(files, root))


def test_live_images_are_the_contracts_bit_for_bit(files, root):
    found = LivePrepared(files, root=root, contract=CONTRACT).read_many(range(len(files)))
    assert torch.equal(to_batch(found.pixels.values(), CONTRACT), expected(files, root))


def test_stored_images_are_not_decoded(files, root, cache):
    before = expected(files, root)
    source = read_all(open_prepared(files, CONTRACT, root=root, cache=cache))
    for name in files:
        (root / name).unlink()
    found = source.read_many(range(len(files)))
    assert torch.equal(to_batch(found.pixels.values(), CONTRACT), before)


@pytest.mark.parametrize(
    "other",
    [CONTRACT.at_size(20), CONTRACT.crop_by("squash")],
)
def test_another_resize_or_crop_is_another_store(files, root, cache, other):
    read_all(open_prepared(files, CONTRACT, root=root, cache=cache))
    assert open_prepared(files, other, root=root, cache=cache).num_stored == 0


def test_what_is_normalised_otherwise_is_read_from_the_same_store(files, root, cache):
    read_all(open_prepared(files, CONTRACT, root=root, cache=cache))
    other = Preprocess(
        size=24, resize=28, interpolation="bicubic", mean=(0.1, 0.1, 0.1), std=(1.0, 1.0, 1.0)
    )
    source = open_prepared(files, other, root=root, cache=cache)
    assert source.num_stored == len(files)


def test_training_and_evaluation_do_not_share_a_store(files, root, cache):
    read_all(open_pixels(files, CONTRACT.size, root=root, cache=cache))
    assert open_prepared(files, CONTRACT, root=root, cache=cache).num_stored == 0


def test_a_batch_of_nothing_is_empty():
    assert to_batch([], CONTRACT).shape == (0, 3, 24, 24)


def test_one_decoding_serves_evaluation_and_training_exactly(files, root, cache, monkeypatch):
    decoded = []
    monkeypatch.setattr(
        "zoo.data.pixels.prepared.read_image",
        lambda path: (decoded.append(path.name), read_image(path))[1],
    )
    training = open_pixels(files, SIDE, root=root, cache=cache)
    both = pickle.loads(pickle.dumps(LiveTwice(training, CONTRACT, side=SIDE)))
    found = both.read_many(range(len(files)))
    assert torch.equal(to_batch(found.pixels.values(), CONTRACT), expected(files, root))
    assert decoded == files
    # The two of 300 x 200 are decoded at a fraction of that for training, where JPEG allows it.
    assert training.num_stored == len(files) - 2
    live = LivePixels(files, root=root, side=SIDE)
    for index in range(len(files)):
        np.testing.assert_array_equal(training.read(index), live.read(index))
    assert training.num_stored == len(files)


def test_unreadable_files_are_named_whoever_decodes(files, root, cache):
    (root / files[1]).write_text("no image")
    training = open_pixels(files, SIDE, root=root, cache=cache)
    for source in (
        LiveTwice(training, CONTRACT, side=SIDE),
        open_prepared(files, CONTRACT, root=root, cache=cache),
    ):
        assert source.read_many([0, 1]).unreadable == {1: "not an image"}


def test_what_training_cannot_keep_is_said(files, root, cache, listener):
    training = open_pixels(files, SIDE, root=root, cache=cache, progress=listener)
    training._lookup.reader.store.remove()
    training._lookup.reader.store.folder.write_text("a file is in the way")
    both = LiveTwice(training, CONTRACT, side=SIDE)
    both.hear(both.read_many([0, 1]).trouble)
    (note,) = listener.notes
    assert f"{len(files)} of {len(files)} images are not kept" in note


def test_what_arrives_without_its_store_prepares_and_keeps_all_the_same(files, root, cache):
    training = open_pixels(files, SIDE, root=root, cache=cache)
    sent = pickle.dumps(LiveTwice(training, CONTRACT, side=SIDE))
    training._lookup.reader.store.remove()
    found = pickle.loads(sent).read_many([0, 1])
    assert torch.equal(to_batch(found.pixels.values(), CONTRACT), expected(files[:2], root))
    assert found.trouble == ""
    assert training.num_stored == 2
