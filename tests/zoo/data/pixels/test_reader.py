"""Reader and writer together: whatever one appends, the other views."""

import errno
from dataclasses import replace
from io import FileIO
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from zoo.data.pixels import reader as reader_module
from zoo.data.pixels.reader import Reader
from zoo.data.pixels.signatures import SIGNATURE
from zoo.data.pixels.store import RECORD, Identity, Store
from zoo.data.pixels.writer import Writer, take_turn, take_turn_if_free

IDENTITY = Identity(root="/", side=5, decoder="any")
SIGNATURES = np.array([(100 + n, 10 + n, 20 + n) for n in range(4)], SIGNATURE)


def image(number: int, height: int = 5, width: int = 7) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def store(tmp_path) -> Store:
    """Of four images, the third unlike the others in shape."""
    store = Store(tmp_path / "a.pixels")
    store.begin(IDENTITY)
    with Writer(store) as writer:
        for number, signature in enumerate(SIGNATURES):
            writer.append(signature, image(number, height=5 + (number == 2)))
    return store


def assert_whole(store: Store, numbers=range(4)) -> None:
    reader = Reader.open(store, IDENTITY)
    rows = reader.find(SIGNATURES)
    assert np.flatnonzero(rows >= 0).tolist() == list(numbers)
    for number in numbers:
        expected = image(number, height=5 + (number == 2))
        np.testing.assert_array_equal(reader.get(rows[number]), expected)


def test_what_is_appended_is_read(store):
    assert_whole(store)


def test_images_are_views_that_cannot_be_written_to(store):
    reader = Reader.open(store, IDENTITY)
    pixels = reader.get(0)
    assert np.shares_memory(pixels, np.frombuffer(reader._pixels, np.uint8))
    with pytest.raises(ValueError, match="read-only"):
        pixels[0] = 0


@pytest.mark.parametrize("field", ["key", "size", "mtime_ns"])
def test_a_file_that_is_not_as_it_was_is_not_found(store, field):
    changed = SIGNATURES.copy()
    changed[field][1] = 0
    assert np.flatnonzero(Reader.open(store, IDENTITY).find(changed) < 0).tolist() == [1]


def test_what_is_added_later_is_seen_at_the_next_look_and_disturbs_nothing(store):
    reader = Reader.open(store, IDENTITY)
    with Writer(store) as writer:
        writer.append(np.array((1, 1, 1), SIGNATURE)[()], image(9))
        writer.append(SIGNATURES[0], image(9))
    np.testing.assert_array_equal(reader.get(reader.find(SIGNATURES)[0]), image(0))
    assert reader.look_again() == range(4, 6)
    np.testing.assert_array_equal(reader.get(0), image(0))
    np.testing.assert_array_equal(reader.get(reader.find(SIGNATURES)[0]), image(9))
    assert not reader.look_again()


def test_what_took_the_place_of_a_store_is_not_looked_at(store):
    reader = Reader.open(store, IDENTITY)
    store.begin(IDENTITY)
    with Writer(store) as writer:
        for number in range(9):
            writer.append(np.array((number, 1, 1), SIGNATURE)[()], image(9))
    assert not reader.look_again()
    np.testing.assert_array_equal(reader.get(0), image(0))


def replace_after(store: Store, monkeypatch, method: str) -> None:
    """Have another store, of more images, take the place as soon as this was read of it."""
    read = getattr(Store, method)

    def read_and_replace(self):
        found = read(self)
        monkeypatch.undo()
        store.begin(IDENTITY)
        with Writer(store) as writer:
            for number in range(9):
                writer.append(np.array((100 + number, 1, 1), SIGNATURE)[()], image(9))
        return found

    monkeypatch.setattr(Store, method, read_and_replace)


@pytest.mark.parametrize("read", ["read_meta", "read_records"])
def test_a_store_that_is_replaced_while_it_is_opened_is_not_mixed_with_the_new_one(
    store, monkeypatch, read
):
    replace_after(store, monkeypatch, read)
    assert Reader.open(store, IDENTITY) is None


def test_a_store_that_is_replaced_while_it_is_looked_at_is_not_mixed_with_the_new_one(
    store, monkeypatch
):
    reader = Reader.open(store, IDENTITY)
    with Writer(store) as writer:
        writer.append(np.array((1, 1, 1), SIGNATURE)[()], image(9))
    replace_after(store, monkeypatch, "read_records")
    assert not reader.look_again()
    for number in range(4):
        expected = image(number, height=5 + (number == 2))
        np.testing.assert_array_equal(reader.get(number), expected)


def test_another_identity_is_not_opened(store):
    assert Reader.open(store, replace(IDENTITY, decoder="other")) is None


def test_nothing_stands_for_a_store_that_is_not_there(tmp_path):
    reader = Reader.of_nothing(Store(tmp_path / "b.pixels"))
    assert (reader.find(SIGNATURES) < 0).all()
    assert not reader.look_again()


def test_a_store_that_was_only_begun_is_empty(tmp_path):
    store = Store(tmp_path / "new.pixels")
    store.begin(IDENTITY)
    reader = Reader.open(store, IDENTITY)
    assert (reader.find(SIGNATURES) < 0).all()
    with Writer(store) as writer:
        writer.append(SIGNATURES[0], image(0))
    assert reader.look_again() == range(1)
    np.testing.assert_array_equal(reader.get(0), image(0))


def test_a_revoked_image_is_not_found(store):
    with Writer(store) as writer:
        writer.revoke(102)
    assert_whole(store, [0, 1, 3])


@pytest.mark.parametrize("at", [0, 104, 200])
def test_one_changed_byte_of_pixels_is_noticed(store, at):
    content = bytearray(store.pixels.read_bytes())
    content[at] ^= 1
    store.pixels.write_bytes(content)
    reader = Reader.open(store, IDENTITY)
    intact = [reader.get(row) is not None for row in range(4)]
    assert intact == [number != at // 105 for number in range(4)]


@pytest.mark.parametrize("field", ["offset", "height", "width", "crc"])
def test_a_changed_record_is_noticed(store, field):
    records = np.fromfile(store.index, RECORD)
    records[field][0] += 1
    records.tofile(store.index)
    reader = Reader.open(store, IDENTITY)
    assert reader.get(0) is None


@pytest.mark.parametrize("field", ["offset", "height", "width"])
@pytest.mark.parametrize("value", [-1, 2**31 - 1])
def test_a_record_that_points_nowhere_is_not_found(store, field, value):
    records = np.fromfile(store.index, RECORD)
    records[field][0] = value
    records.tofile(store.index)
    assert_whole(store, [1, 2, 3])


@pytest.mark.parametrize("lost", [1, RECORD.itemsize - 1, RECORD.itemsize])
def test_a_writer_killed_before_its_record_was_whole_goes_on(store, lost):
    with store.index.open("r+b") as file:
        file.truncate(file.seek(0, 2) - lost)
    assert_whole(store, [0, 1, 2])
    with Writer(store) as writer:
        writer.append(SIGNATURES[3], image(3))
    assert_whole(store)


@pytest.mark.parametrize("lost", [1, 100, 105])
def test_pixels_lost_in_a_power_cut_are_missing_and_can_be_stored_again(store, lost):
    with store.pixels.open("r+b") as file:
        file.truncate(file.seek(0, 2) - lost)
    assert_whole(store, [0, 1, 2])
    with Writer(store) as writer:
        writer.append(SIGNATURES[3], image(3))
    assert_whole(store)


class FullDisk(FileIO):
    """Takes a few more bytes, then no more."""

    def __init__(self, path: Path, room: int) -> None:
        super().__init__(path, "ab")
        self.room = room

    def write(self, content) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = super().write(content[: self.room])
        self.room -= written
        return written


@pytest.mark.parametrize(("full", "room"), [("_pixels", 0), ("_pixels", 50), ("_index", 20)])
def test_a_full_disk_costs_the_image_that_did_not_fit_and_no_other(store, full, room):
    with Writer(store) as writer:
        good = getattr(writer, full)
        path = {"_pixels": store.pixels, "_index": store.index}[full]
        with FullDisk(path, room) as bad:
            setattr(writer, full, bad)
            with pytest.raises(OSError, match="No space left"):
                writer.append(SIGNATURES[1], image(8))
        setattr(writer, full, good)
        writer.append(SIGNATURES[0], image(0))
    assert_whole(store)


def test_no_store_opens_as_none(tmp_path, store):
    assert Reader.open(Store(tmp_path / "b.pixels"), IDENTITY) is None
    store.pixels.unlink()
    assert Reader.open(store, IDENTITY) is None


def test_reading_goes_on_when_the_store_is_deleted(store):
    reader = Reader.open(store, IDENTITY)
    store.remove()
    np.testing.assert_array_equal(reader.get(0), image(0))


def test_resident_memory_stays_small_however_much_is_read(tmp_path, monkeypatch):
    """16 MB are read, and at most one is kept mapped."""
    monkeypatch.setattr(reader_module, "_KEEP_MAPPED", 1 << 20)
    store = Store(tmp_path / "big.pixels")
    store.begin(IDENTITY)
    keys = np.array([(n, 1, 1) for n in range(80)], SIGNATURE)
    with Writer(store) as writer:
        for signature in keys:
            writer.append(signature, image(0, 256, 256))
    reader = Reader.open(store, IDENTITY)
    views = [reader.get(row) for row in range(80)]
    mapped = Path("/proc/self/smaps").read_text().split(str(store.pixels))[1]
    resident_kb = int(mapped.split("Rss:")[1].split()[0])
    # Faults bring neighbouring pages along, up to 64 kB around.
    assert resident_kb < 2048
    np.testing.assert_array_equal(views[0], image(0, 256, 256))


def test_only_one_holds_a_store(store):
    with take_turn(store), take_turn_if_free(store) as free:
        assert not free
    with take_turn_if_free(store) as free:
        assert free


def test_nobody_waits_for_ever(store, monkeypatch):
    monkeypatch.setattr("zoo.data.pixels.writer._PATIENCE_S", 0.02)
    with FileLock(store.turn), pytest.raises(OSError, match="another run"), take_turn(store):
        pass
