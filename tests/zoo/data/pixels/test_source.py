import pickle

import numpy as np
import pytest
from torch.utils.data import DataLoader

from tests.zoo.data.pixels.conftest import picture, read_all
from zoo.data.pixels import reader
from zoo.data.pixels.live import LivePixels
from zoo.data.pixels.open import open_pixels
from zoo.data.pixels.source import StoredPixels
from zoo.data.pixels.store import checksum
from zoo.inputs.image import UnreadableImageError

SIDE = 32


@pytest.fixture
def stored(files, root, cache) -> StoredPixels:
    source = read_all(open_pixels(files, SIDE, root=root, cache=cache))
    assert source.num_stored == len(files)
    return source


def assert_same(source, live: LivePixels) -> None:
    assert len(source) == len(live)
    for index in range(len(live)):
        np.testing.assert_array_equal(source.read(index), live.read(index))


def damage(source: StoredPixels, at: int = 0) -> None:
    with source._lookup.reader.store.pixels.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 0xFF]))


def test_stored_pixels_are_the_live_ones_byte_for_byte(stored):
    assert_same(stored, stored.live)


def test_both_kinds_are_read_only(stored):
    for source in (stored, stored.live):
        with pytest.raises(ValueError, match="read-only"):
            source.read(0)[0] = 0


def test_stored_pixels_need_no_files(stored, root, files):
    expected = [stored.live.read(index) for index in range(len(files))]
    for name in files:
        (root / name).unlink()
    for index, pixels in enumerate(expected):
        np.testing.assert_array_equal(stored.read(index), pixels)


def test_a_source_travels_to_other_processes_without_its_pixels(stored):
    sent = pickle.dumps(stored)
    assert len(sent) < 3000
    arrived = pickle.loads(sent)
    assert arrived.num_stored == len(stored)
    assert_same(arrived, stored.live)
    assert_same(pickle.loads(pickle.dumps(stored.live)), stored.live)


def test_workers_read_what_this_process_reads(stored):
    class Images:
        def __len__(self):
            return len(stored)

        def __getitem__(self, index):
            return stored.read(index).copy()

    loader = DataLoader(Images(), batch_size=None, num_workers=2)
    for index, pixels in enumerate(loader):
        np.testing.assert_array_equal(pixels, stored.live.read(index))


def test_a_source_whose_store_is_gone_arrives_and_begins_it_again(stored):
    sent = pickle.dumps(stored)
    stored._lookup.reader.store.remove()
    arrived = pickle.loads(sent)
    assert arrived.num_stored == 0
    assert_same(arrived, stored.live)
    assert (arrived.num_stored, arrived.trouble) == (len(stored), "")


def test_a_store_that_took_the_place_of_another_is_not_mistaken_for_it(stored, root, files, cache):
    sent = pickle.dumps(stored)
    stored._lookup.reader.store.remove()
    other = read_all(open_pixels(files[::-1], SIDE, root=root, cache=cache))
    assert other.num_stored == len(files)
    assert_same(pickle.loads(sent), stored.live)


def test_a_damaged_image_is_decoded_and_stored_anew(stored, files, root, cache):
    images = len(stored._lookup.reader.records)
    damage(stored)
    later = open_pixels(files, SIDE, root=root, cache=cache)
    assert_same(later, later.live)
    # One record revokes, one is of the pixels that were decoded.
    assert len(stored._lookup.reader.store.read_records()) == images + 2
    again = open_pixels(files, SIDE, root=root, cache=cache)
    assert again.num_stored == stored.num_stored == len(files)
    assert_same(again, stored.live)


def test_a_run_compares_checksums_only_of_what_it_found(stored, files, root, cache, monkeypatch):
    compared = []
    monkeypatch.setattr(reader, "checksum", lambda *got: compared.append(got) or checksum(*got))
    for process in (stored, pickle.loads(pickle.dumps(stored))):
        assert_same(process, stored.live)
    assert not compared
    later = open_pixels(files, SIDE, root=root, cache=cache)
    for process in (later, later, pickle.loads(pickle.dumps(later))):
        assert_same(process, stored.live)
    # Once in each of the two processes; what one has compared the other does not know.
    assert len(compared) == 2 * len(files)


def test_damage_in_a_store_that_was_replaced_does_not_touch_the_new_one(stored, files, root, cache):
    old = open_pixels(files, SIDE, root=root, cache=cache)
    damage(stored)
    stored._lookup.reader.store.remove()
    new = read_all(open_pixels(files, SIDE, root=root, cache=cache))
    assert_same(old, old.live)
    assert len(new._lookup.reader.store.read_records()) == len(files)
    assert new.num_stored == len(files)


def test_a_file_that_cannot_be_decoded_live_says_why(root, files):
    (root / files[0]).write_text("no image any more")
    with pytest.raises(UnreadableImageError, match="not an image"):
        LivePixels(files, root=root, side=SIDE).read(0)


def test_a_live_source_shows_a_file_as_it_is_now(root, files):
    live = LivePixels(files, root=root, side=SIDE)
    before = live.read(0)
    picture(99).save(root / files[0])
    assert (live.read(0) != before).any()
