import threading

import numpy as np
import pytest

from tests.zoo.data.pixels.conftest import make_files, picture
from zoo.data.pixels.build import Quota, _decode_ahead, foresee_bytes, store_images
from zoo.data.pixels.keep import CacheSettings
from zoo.data.pixels.reader import Reader
from zoo.data.pixels.signatures import sign_files
from zoo.data.pixels.source import LivePixels
from zoo.data.pixels.store import Identity, Store
from zoo.data.pixels.writer import Writer
from zoo.errors import UnreadableImagesError

SIDE = 32


@pytest.fixture
def store(cache) -> Store:
    store = Store(cache.folder / "a.pixels")
    store.begin(Identity(root="/", side=SIDE, decoder="any"))
    return store


class Counting(LivePixels):
    """Counts what is decoded and remembers by how many threads."""

    def __init__(self, count: int) -> None:
        super().__init__([""] * count, root="/", side=1)
        self.decoded = 0
        self.lock = threading.Lock()

    def read(self, index):
        with self.lock:
            self.decoded += 1
        return np.full((1, 1, 3), index, np.uint8)


def test_images_come_in_order_and_few_are_decoded_ahead(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    live = Counting(100)
    ahead = []
    for taken, (index, pixels) in enumerate(_decode_ahead(live, range(100))):
        assert index == taken == pixels[0, 0, 0]
        ahead.append(live.decoded - taken)
    assert max(ahead) <= 3 * 4 + 1


def test_who_stops_listening_stops_the_decoding(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    live = Counting(1000)
    images = _decode_ahead(live, range(1000))
    next(images)
    images.close()
    assert live.decoded < 20


def test_the_need_is_foreseen_from_headers(root):
    files = make_files(root, 8)
    live = LivePixels(files, root=root, side=SIDE)
    need = sum(live.read(index).nbytes for index in range(8))
    # Each mean is rounded once.
    assert abs(foresee_bytes(live, np.arange(8)) - need) <= 8
    assert foresee_bytes(live, np.array([3])) == live.read(3).nbytes


def test_files_that_cannot_be_read_need_nothing(root):
    live = LivePixels(["no.png"], root=root, side=SIDE)
    assert foresee_bytes(live, np.array([0])) == 0


def test_all_unreadable_files_are_named_and_the_others_stored(root, files, store, cache, listener):
    for name in files[1:3]:
        (root / name).write_text("no image")
    live, signatures = LivePixels(files, root=root, side=SIDE), sign_files(root, files)
    with Writer(store) as writer, pytest.raises(UnreadableImagesError) as caught:
        store_images(live, signatures, np.arange(6), writer, Quota(cache), listener)
    assert set(caught.value.reasons) == {root / name for name in files[1:3]}
    assert np.flatnonzero(Reader.open(store).find(signatures) < 0).tolist() == [1, 2]
    assert (listener.totals, listener.done, listener.finished) == ([6], 6, 1)


def test_a_quota_ends_at_the_limit(store, cache):
    used = store.count_bytes()
    quota = Quota(CacheSettings(folder=cache.folder, max_bytes=used + 1000))
    quota.take(600)
    quota.take(400)
    store.pixels.write_bytes(bytes(1000))
    with pytest.raises(OSError, match="the cache is full"):
        quota.take(1)


def test_a_quota_counts_what_others_write_meanwhile(store, cache, monkeypatch):
    monkeypatch.setattr("zoo.data.pixels.build._STEP", 100)
    used = store.count_bytes()
    quota = Quota(CacheSettings(folder=cache.folder, max_bytes=used + 1000))
    quota.take(100)
    store.pixels.write_bytes(bytes(950))
    with pytest.raises(OSError, match="the cache is full"):
        quota.take(100)


def test_progress_ends_even_where_the_disk_refuses(root, files, store, cache, listener):
    live, signatures = LivePixels(files, root=root, side=SIDE), sign_files(root, files)
    full = Quota(CacheSettings(folder=cache.folder, max_bytes=0))
    with Writer(store) as writer, pytest.raises(OSError, match="the cache is full"):
        store_images(live, signatures, np.arange(6), writer, full, listener)
    assert listener.finished == 1


def test_a_picture_is_stored_as_it_is_decoded(root, files, store, cache, listener):
    picture(50, (99, 44)).save(root / files[0])
    live, signatures = LivePixels(files, root=root, side=SIDE), sign_files(root, files)
    with Writer(store) as writer:
        store_images(live, signatures, np.array([0]), writer, Quota(cache), listener)
    reader = Reader.open(store)
    np.testing.assert_array_equal(reader.get(reader.find(signatures)[0]), live.read(0))
