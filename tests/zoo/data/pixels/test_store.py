from dataclasses import replace

import numpy as np
import pytest

from zoo.data.pixels.store import RECORD, Identity, Store, find_live

IDENTITY = Identity(root="/data/my photos", side=64, decoder="pillow 1")


@pytest.fixture
def store(tmp_path) -> Store:
    store = Store(tmp_path / f"{IDENTITY.name}.pixels")
    store.begin(IDENTITY)
    return store


def records(*of: tuple[int, int]) -> np.ndarray:
    """Records of a key and a height each."""
    return np.array([(key, 1, 1, 0, height, 1, 0) for key, height in of], RECORD)


def test_a_store_says_what_it_is(store):
    assert store.read_meta().identity == IDENTITY
    assert store.name.startswith("my_photos-64-")


@pytest.mark.parametrize(
    "other",
    [
        replace(IDENTITY, root="/data/my-photos"),
        replace(IDENTITY, side=65),
        replace(IDENTITY, decoder="pillow 2"),
    ],
)
def test_whatever_changes_pixels_changes_the_name(other):
    assert other.name != IDENTITY.name


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"id": "1"}', b"\xff\x00"])
def test_a_damaged_note_is_none(store, content):
    store.meta.write_bytes(content)
    assert store.read_meta() is None


def test_beginning_again_leaves_nothing_and_is_another_store(store):
    before = store.read_meta()
    store.index.write_bytes(bytes(RECORD.itemsize))
    store.begin(IDENTITY)
    assert len(store.read_records()) == 0
    assert store.read_meta().id != before.id


def test_beginning_clears_what_a_killed_removal_left(store):
    store.index.write_bytes(bytes(RECORD.itemsize))
    store.meta.unlink()
    store.begin(IDENTITY)
    assert len(store.read_records()) == 0


def test_removing_deletes_nothing_but_the_stores_files(store):
    (store.folder / "thesis.tex").touch()
    with pytest.raises(OSError, match="not empty"):
        store.remove()
    assert [file.name for file in store.folder.iterdir()] == ["thesis.tex"]


def test_removing_what_is_gone_is_no_error(store):
    store.remove()
    store.remove()
    assert not store.folder.exists()


def test_a_half_written_record_is_left_out(store):
    store.index.write_bytes(records((1, 1), (2, 1)).tobytes()[:-1])
    assert store.read_records()["key"].tolist() == [1]


def test_no_records_are_no_error(store):
    assert len(store.read_records()) == 0
    assert len(find_live(store.read_records())) == 0


def test_the_last_record_of_a_key_counts_and_a_revoked_one_does_not():
    assert find_live(records((7, 1), (3, 1), (7, 2), (5, 1), (5, 0))).tolist() == [1, 2]
