import os
import sys
from collections import namedtuple
from datetime import UTC, datetime

import pytest
from filelock import FileLock

from tests.zoo.data.pixels.conftest import make_files, read_all
from zoo.data.pixels.holding import hold
from zoo.data.pixels.keep import (
    CacheSettings,
    default_folder,
    list_stores,
    make_room,
    remove_stores,
    room_left,
)
from zoo.data.pixels.open import open_pixels
from zoo.data.pixels.store import Store
from zoo.errors import DataError, StorageError


def fill(cache: CacheSettings, root, side: int, used: int) -> Store:
    """A store of a folder of its own that was last used so many seconds after 1970."""
    place = root / str(side)
    place.mkdir(parents=True, exist_ok=True)
    source = read_all(open_pixels(make_files(place), side, root=place, cache=cache))
    store = source._lookup.reader.store
    os.utime(store.meta, (used, used))
    return store


@pytest.fixture
def stores(cache, root) -> list[Store]:
    """Three, the first used longest ago."""
    return [fill(cache, root, side, used) for side, used in ((30, 1000), (20, 2000), (25, 3000))]


def test_stores_are_listed_with_what_they_hold_the_last_used_first(cache, root, stores):
    first, _, last = list_stores(cache.folder)
    assert [first.name, last.name] == [stores[2].name, stores[0].name]
    assert (first.root, first.side, first.images) == (str(root / "25"), 25, 6)
    assert first.last_used == datetime.fromtimestamp(3000, UTC)
    assert first.bytes == sum(file.stat().st_size for file in stores[2].folder.iterdir())


def test_a_store_in_use_was_used_last(cache, root, stores):
    fill(cache, root, 30, used=9000)
    assert list_stores(cache.folder)[0].name == stores[0].name


def test_no_folder_has_no_stores(tmp_path):
    assert list_stores(tmp_path / "none") == ()
    assert remove_stores(tmp_path / "none") == ()


def test_a_damaged_store_is_listed_and_can_be_removed(cache, stores):
    stores[0].meta.write_text("{")
    damaged = next(facts for facts in list_stores(cache.folder) if not facts.root)
    assert (damaged.name, damaged.side, damaged.images) == (stores[0].name, 0, 0)
    assert damaged.bytes > 0
    assert remove_stores(cache.folder, [damaged.name]) == (damaged.name,)


def test_named_stores_are_removed(cache, stores):
    assert remove_stores(cache.folder, [stores[1].name]) == (stores[1].name,)
    assert {facts.name for facts in list_stores(cache.folder)} == {stores[0].name, stores[2].name}


def test_all_stores_are_removed_and_nothing_else(cache, stores):
    (cache.folder / "thesis.pixels").mkdir()
    (cache.folder / "thesis.pixels" / "chapter.tex").touch()
    (cache.folder / "photo.jpg").touch()
    assert set(remove_stores(cache.folder)) == {store.name for store in stores}
    assert (cache.folder / "thesis.pixels" / "chapter.tex").exists()
    assert (cache.folder / "photo.jpg").exists()


def test_an_unknown_name_removes_nothing(cache, stores):
    wrong = stores[1].name[:-1]
    with pytest.raises(DataError, match=f"is called {wrong}") as caught:
        remove_stores(cache.folder, [stores[0].name, wrong])
    assert f"did you mean {stores[1].name}?" in caught.value.hint
    assert len(list_stores(cache.folder)) == 3


def test_a_store_that_is_being_written_stays(cache, stores):
    with FileLock(stores[0].turn):
        assert set(remove_stores(cache.folder)) == {store.name for store in stores[1:]}
    assert stores[0].folder.exists()


def test_a_store_in_use_stays(cache, stores):
    held = hold(stores[0])
    assert set(remove_stores(cache.folder)) == {store.name for store in stores[1:]}
    assert stores[0].folder.exists()
    del held
    assert remove_stores(cache.folder) == (stores[0].name,)


def test_what_cannot_be_deleted_is_an_error(cache, stores):
    (stores[0].folder / "mine.txt").touch()
    with pytest.raises(StorageError, match="not empty"):
        remove_stores(cache.folder, [stores[0].name])


def test_the_limit_counts_all_stores_together(cache, stores):
    used = sum(store.count_bytes() for store in stores)
    assert room_left(CacheSettings(folder=cache.folder, max_bytes=used + 5)) == 5
    assert room_left(CacheSettings(folder=cache.folder, max_bytes=used - 5)) == -5


def test_a_fifth_of_the_disk_stays_free(cache, stores, monkeypatch):
    used = sum(store.count_bytes() for store in stores)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(0, 0, 10 * used))
    assert room_left(cache) == int(0.8 * 11 * used) - used


def bounded(cache: CacheSettings, stores: list[Store], more: int) -> CacheSettings:
    used = sum(store.count_bytes() for store in stores)
    return CacheSettings(folder=cache.folder, max_bytes=used + more)


def left(stores: list[Store]) -> list[bool]:
    return [store.folder.exists() for store in stores]


def test_the_store_used_longest_ago_makes_room(cache, stores):
    make_room(bounded(cache, stores, more=10), stores[2], needed=11, root="/other")
    assert left(stores) == [False, True, True]


def test_nothing_is_deleted_where_there_is_room(cache, stores):
    make_room(bounded(cache, stores, more=10), stores[2], needed=10, root="/other")
    assert left(stores) == [True, True, True]


def test_a_store_does_not_make_room_for_itself(cache, stores):
    need = 1 + sum(store.count_bytes() for store in stores[1:])
    with pytest.raises(OSError, match="are left of"):
        make_room(bounded(cache, stores, more=0), stores[0], needed=need, root="/other")
    assert left(stores) == [True, True, True]


def test_a_lack_of_room_is_said_in_numbers(cache, stores):
    settings = CacheSettings(folder=cache.folder, max_bytes=20_000_000)
    with pytest.raises(
        OSError, match=r"take 31\.2 MB, and (19\.9|20\.0) MB are left of the 20\.0 MB"
    ):
        make_room(settings, stores[0], needed=31_200_000, root="/other")


def test_a_store_that_is_being_written_does_not_make_room(cache, stores):
    settings = bounded(cache, stores, more=0)
    freed = stores[1].count_bytes()
    with FileLock(stores[0].turn):
        make_room(settings, stores[2], needed=1, root="/other")
        assert left(stores) == [True, False, True]
        with pytest.raises(OSError, match="are left of"):
            make_room(settings, stores[2], needed=freed + 1, root="/other")


def test_a_store_in_use_does_not_make_room(cache, stores):
    settings = bounded(cache, stores, more=0)
    held = hold(stores[0])
    make_room(settings, stores[2], needed=1, root="/other")
    assert left(stores) == [True, False, True]
    del held
    make_room(settings, stores[2], needed=settings.max_bytes // 2, root="/other")
    assert left(stores) == [False, False, True]


def test_a_store_of_the_same_data_does_not_make_room(cache, root, stores):
    settings, same = bounded(cache, stores, more=0), str(root / "30")
    make_room(settings, stores[2], needed=1, root=same)
    assert left(stores) == [True, False, True]
    with pytest.raises(OSError, match=r"are left of .*--cache-size"):
        make_room(settings, stores[2], needed=settings.max_bytes, root=same)
    assert left(stores) == [True, False, True]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other places")
def test_stores_lie_in_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == CacheSettings().folder == tmp_path / "zoo" / "pixels"
