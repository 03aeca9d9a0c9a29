import os
import pickle
import resource
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from filelock import FileLock

from tests.zoo.data.pixels.conftest import Listener, make_files, picture, read_all
from zoo.data.pixels.keep import list_stores, remove_stores
from zoo.data.pixels.live import LivePixels
from zoo.data.pixels.open import foresee_bytes, open_pixels
from zoo.data.pixels.source import StoredPixels
from zoo.errors import UnreadableImagesError

SIDE = 32


@pytest.fixture
def decoded(monkeypatch) -> list[str]:
    """The names of the files that are decoded from now on."""
    names = []
    decode = LivePixels.decode
    monkeypatch.setattr(
        LivePixels, "decode", lambda self, path: (names.append(path.name), decode(self, path))[1]
    )
    return names


def assert_right(source, files, root) -> None:
    live = LivePixels(files, root=root, side=SIDE)
    assert len(source) == len(files)
    for index in range(len(files)):
        np.testing.assert_array_equal(source.read(index), live.read(index))


def test_opening_decodes_nothing(files, root, cache, decoded):
    source = open_pixels(files, SIDE, root=root, cache=cache)
    assert (source.num_stored, decoded) == (0, [])


def test_an_image_is_decoded_when_it_is_first_read_and_never_again(
    files, root, cache, listener, decoded
):
    first = open_pixels(files, SIDE, root=root, cache=cache, progress=listener)
    first.read_many([4, 1])
    assert decoded == [files[4], files[1]]
    first.read_many([1, 2, 4])
    assert decoded == [files[4], files[1], files[2]]
    second = open_pixels(files, SIDE, root=root, cache=cache, progress=listener)
    assert second.num_stored == 3
    second.read_many(range(6))
    assert sorted(decoded) == files
    assert listener.notes == []
    for source in (first, second):
        assert source.num_stored == 6
        assert_right(source, files, root)


@pytest.mark.parametrize("threads", [1, 3])
def test_the_number_of_threads_changes_nothing(files, root, cache, threads):
    source = open_pixels(files, SIDE, root=root, cache=cache)
    found = source.read_many([5, 0, 3, 0], threads=threads)
    assert {*found.pixels} == {5, 0, 3}
    for index, pixels in found.pixels.items():
        np.testing.assert_array_equal(pixels, source.live.read(index))
    assert source.num_stored == 3


def test_what_one_process_adds_another_reads(files, root, cache, decoded):
    """A copy stands for a worker, a third source for another run."""
    here = open_pixels(files, SIDE, root=root, cache=cache)
    worker, other_run = (
        pickle.loads(pickle.dumps(here)),
        open_pixels(files, SIDE, root=root, cache=cache),
    )
    worker.read_many([0, 1])
    other_run.read_many([1, 2])
    here.read_many([0, 1, 2, 3])
    assert decoded == [files[at] for at in (0, 1, 2, 3)]
    worker.read_many([3])
    assert len(decoded) == 4
    assert len(here._lookup.reader.store.read_records()) == 4


def test_an_image_that_two_decode_at_once_is_kept_once(files, root, cache):
    one, two = (open_pixels(files, SIDE, root=root, cache=cache) for _ in range(2))
    image = {0: one.live.read(0)}
    one.keep(image)
    two.keep(image)
    assert len(one._lookup.reader.store.read_records()) == 1


def test_without_a_cache_nothing_is_written(files, root, cache):
    before = sorted(root.parent.rglob("*"))
    source = open_pixels(files, SIDE, root=root, cache=None)
    assert isinstance(source, LivePixels)
    assert_right(source, files, root)
    assert sorted(root.parent.rglob("*")) == before


def test_the_data_folder_is_not_touched(files, root, cache):
    before = {file: file.stat().st_mtime_ns for file in [root, *root.iterdir()]}
    read_all(open_pixels(files, SIDE, root=root, cache=cache))
    assert {file: file.stat().st_mtime_ns for file in [root, *root.iterdir()]} == before


def test_no_files_are_no_error(root, cache):
    assert len(open_pixels([], SIDE, root=root, cache=cache)) == 0


def test_only_a_changed_file_is_decoded_again(files, root, cache, decoded):
    before = read_all(open_pixels(files, SIDE, root=root, cache=cache)).read(2).copy()
    picture(77, (80, 50)).save(root / files[2])
    decoded.clear()
    source = read_all(open_pixels(files, SIDE, root=root, cache=cache))
    assert decoded == [files[2]]
    assert source.read(2).shape != before.shape
    assert_right(source, files, root)


def test_splits_of_one_folder_share_a_store(files, root, cache, decoded):
    train = read_all(open_pixels(files[:4], SIDE, root=root, cache=cache))
    validation = read_all(open_pixels(files[3:], SIDE, root=root, cache=cache))
    assert sorted(decoded) == files
    assert_right(train, files[:4], root)
    assert_right(validation, files[3:], root)
    assert [store.images for store in list_stores(cache.folder)] == [6]


def test_another_side_is_another_store(files, root, cache):
    read_all(open_pixels(files, SIDE, root=root, cache=cache))
    other = open_pixels(files, 20, root=root, cache=cache)
    assert other.num_stored == 0
    assert min(read_all(other).read(0).shape[:2]) == 20
    assert {store.side for store in list_stores(cache.folder)} == {SIDE, 20}


def test_another_decoder_is_another_store(files, root, cache, monkeypatch):
    read_all(open_pixels(files, SIDE, root=root, cache=cache))
    monkeypatch.setattr("zoo.data.pixels.live.describe_decoder", lambda _: "pillow of tomorrow")
    assert open_pixels(files, SIDE, root=root, cache=cache).num_stored == 0


def test_a_file_named_twice_is_stored_once(files, root, cache):
    source = read_all(open_pixels([*files, *files], SIDE, root=root, cache=cache))
    assert source.num_stored == 12
    assert len(source._lookup.reader.store.read_records()) == 6
    assert_right(source, [*files, *files], root)


def test_names_may_be_an_array_of_strings(files, root, cache):
    names = np.array(files, dtype=np.dtypes.StringDType())
    assert_right(read_all(open_pixels(names, SIDE, root=root, cache=cache)), files, root)


@pytest.mark.parametrize("changed", [2, 4, 6])
def test_images_that_are_out_of_date_do_not_pile_up(files, root, cache, changed):
    for turn in range(5):
        for at, name in enumerate(files[:changed]):
            picture(10 * turn + at).save(root / name)
        source = read_all(open_pixels(files, SIDE, root=root, cache=cache))
        assert_right(source, files, root)
    need = sum(source.read(index).nbytes for index in range(len(files)))
    assert source._lookup.reader.store.pixels.stat().st_size <= (1 / 0.5 + changed / 6) * need


def test_unreadable_files_are_all_named_and_the_others_stored(files, root, cache):
    for name in files[:2]:
        (root / name).write_text("no image")
    (root / files[2]).unlink()
    source = open_pixels(files, SIDE, root=root, cache=cache)
    with pytest.raises(UnreadableImagesError) as caught:
        read_all(source)
    assert set(caught.value.reasons) == {root / name for name in files[:3]}
    assert source.num_stored == 3


def test_images_that_do_not_fit_are_decoded_live_and_that_is_said(files, root, cache, listener):
    small = replace(cache, max_bytes=20_000)
    source = open_pixels(files, SIDE, root=root, cache=small, progress=listener)
    read_all(source)
    assert_right(source, files, root)
    assert source.num_stored == 0
    (note,) = listener.notes
    assert "6 of 6 images are not kept" in note
    assert "would take" in note


def test_where_more_is_needed_than_foreseen_the_limit_still_holds(
    files, root, cache, listener, monkeypatch
):
    monkeypatch.setattr("zoo.data.pixels.open.foresee_bytes", lambda *_: 0)
    small = replace(cache, max_bytes=12_000)
    source = open_pixels(files, SIDE, root=root, cache=small, progress=listener)
    for _ in range(2):
        read_all(source)
    assert 0 < source.num_stored < 6
    assert_right(source, files, root)
    assert list_stores(cache.folder)[0].bytes < 12_000 + 6 * 44
    (note,) = listener.notes
    assert f"{6 - source.num_stored} of 6 images are not kept" in note
    assert "the cache is full: it may take 12.0 kB" in note
    assert "--cache-size" in note


def test_a_disk_that_refuses_half_way_costs_only_what_did_not_fit(files, root, cache, listener):
    """The operating system itself refuses: no file of this process may exceed 12 kB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, before[1]))
    try:
        source = read_all(open_pixels(files, SIDE, root=root, cache=cache, progress=listener))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert 0 < source.num_stored < 6
    assert_right(source, files, root)
    (note,) = listener.notes
    assert "File too large" in note
    again = read_all(open_pixels(files, SIDE, root=root, cache=cache, progress=listener))
    assert again.num_stored == 6
    assert_right(again, files, root)


def test_a_cache_that_cannot_be_written_is_said_and_done_without(files, root, cache, listener):
    cache.folder.write_text("a file is in the way")
    source = open_pixels(files, SIDE, root=root, cache=cache, progress=listener)
    assert_right(source, files, root)
    assert len(listener.notes) == 1
    assert "6 of 6 images are not kept" in listener.notes[0]


def test_a_store_that_is_deleted_while_it_is_filled_is_begun_again(files, root, cache, listener):
    source = open_pixels(files, SIDE, root=root, cache=cache, progress=listener)
    worker = pickle.loads(pickle.dumps(source))
    source.read_many([0, 1])
    source._lookup.reader.store.remove()
    worker.read_many([2, 3])
    source.read_many([4, 5])
    assert_right(source, files, root)
    assert_right(worker, files, root)
    assert source.num_stored == worker.num_stored == 6
    assert len(source._lookup.reader.store.read_records()) == 6
    assert listener.notes == []


def test_an_open_store_is_neither_deleted_nor_evicted(files, root, cache):
    """A copy stands for a worker, which has the store open after the run has let it go."""
    source = read_all(open_pixels(files, SIDE, root=root, cache=cache))
    name = source._lookup.reader.store.name
    worker = pickle.loads(pickle.dumps(source))
    assert remove_stores(cache.folder) == ()
    del source
    assert remove_stores(cache.folder) == ()
    assert worker.num_stored == 6
    del worker
    assert remove_stores(cache.folder) == (name,)


def test_a_store_that_was_begun_again_is_held_again(files, root, cache):
    source = read_all(open_pixels(files, SIDE, root=root, cache=cache))
    shutil.rmtree(cache.folder)
    source._lookup._rows[:] = -1
    source.read(0)
    assert len(list_stores(cache.folder)) == 1
    assert remove_stores(cache.folder) == ()


@pytest.mark.parametrize("first", ["training", "validation"])
def test_what_a_run_trains_on_and_is_validated_on_do_not_drive_each_other_out(
    files, root, cache, first
):
    small = replace(cache, max_bytes=40_000)
    kept: dict[str, list[int]] = {"training": [], "validation": []}
    order = ["training", "validation"] if first == "training" else ["validation", "training"]
    for _ in range(3):
        for split in order:  # each is closed before the next is opened
            side, share = (60, files[:4]) if split == "training" else (61, files[4:])
            source = open_pixels(share, side, root=root, cache=small)
            kept[split].append(source.num_stored)
            read_all(source)
            del source
    assert kept[first] == [0, *[len(files[:4] if first == "training" else files[4:])] * 2]


@pytest.mark.parametrize("changes", [1, 2])
def test_a_file_that_changes_between_opening_and_reading_is_used_and_not_kept(
    files, root, cache, changes
):
    source = open_pixels(files, SIDE, root=root, cache=cache)
    for number in range(changes):
        picture(50 + number, (90 + number, 40)).save(root / files[0])
        np.testing.assert_array_equal(source.read(0), source.live.read(0))
        assert source.num_stored == 0
    # From now on it stays what it is, and is kept as that.
    np.testing.assert_array_equal(source.read(0), source.live.read(0))
    assert source.num_stored == 1
    again = open_pixels(files, SIDE, root=root, cache=cache)
    assert again.num_stored == 1
    assert_right(again, files, root)


def test_a_file_that_was_another_for_a_moment_is_read_as_it_is(files, root, cache):
    path = root / files[0]
    before, times = path.read_bytes(), path.stat()
    source = open_pixels(files, SIDE, root=root, cache=cache)
    picture(99, (90, 40)).save(path)
    source.read(0)
    path.write_bytes(before)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert_right(open_pixels(files, SIDE, root=root, cache=cache), files, root)


def test_who_does_not_get_the_turn_decodes_live_and_says_so(
    files, root, cache, listener, monkeypatch
):
    monkeypatch.setattr("zoo.data.pixels.writer._PATIENCE_S", 0.02)
    source = open_pixels(files, SIDE, root=root, cache=cache, progress=listener)
    with FileLock(source._lookup.reader.store.turn):
        read_all(source)
        assert_right(source, files, root)
    assert source.num_stored == 0
    (note,) = listener.notes
    assert "another run" in note


def test_a_complete_store_needs_no_lock(files, root, cache, listener):
    store = read_all(open_pixels(files, SIDE, root=root, cache=cache))._lookup.reader.store
    with FileLock(store.turn):
        source = read_all(open_pixels(files, SIDE, root=root, cache=cache, progress=listener))
    assert source.num_stored == 6
    assert listener.notes == []


def test_runs_at_once_store_each_image_once(root, cache):
    files = make_files(root, 24)
    listeners = [Listener() for _ in range(4)]

    def run(heard: Listener) -> StoredPixels:
        source = open_pixels(files, SIDE, root=root, cache=cache, progress=heard)
        for at in range(0, 24, 3):
            source.read_many(range(at, at + 3))
        return source

    with ThreadPoolExecutor(4) as pool:
        sources = [*pool.map(run, listeners)]
    assert len(sources[0]._lookup.reader.store.read_records()) == 24
    for source, heard in zip(sources, listeners, strict=True):
        assert source.num_stored == 24
        assert heard.notes == []
        assert_right(source, files, root)


def test_a_run_killed_while_it_stores_is_continued(root, cache):
    """A process is killed as soon as it says that it has read its tenth image."""
    files = make_files(root, 200)
    code = """
import sys
from pathlib import Path
from zoo.data.pixels.keep import CacheSettings
from zoo.data.pixels.open import open_pixels
root, folder = map(Path, sys.argv[1:])
files = sorted(file.name for file in root.iterdir())
source = open_pixels(files, 32, root=root, cache=CacheSettings(folder=folder))
for index in range(len(files)):
    source.read(index)
    print(index + 1, flush=True)
"""
    command = [sys.executable, "-c", code, str(root), str(cache.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout:
            if int(line) == 10:
                os.kill(child.pid, signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    source = open_pixels(files, SIDE, root=root, cache=cache)
    assert 10 <= source.num_stored < 200
    read_all(source)
    assert source.num_stored == 200
    assert_right(source, files, root)


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
