import os
import resource
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from filelock import FileLock

from tests.zoo.data.pixels.conftest import Listener, make_files, picture
from zoo.data.pixels.keep import list_stores
from zoo.data.pixels.open import open_pixels
from zoo.data.pixels.source import LivePixels, StoredPixels
from zoo.errors import UnreadableImagesError

SIDE = 32


def assert_right(source, files, root) -> None:
    live = LivePixels(files, root=root, side=SIDE)
    assert len(source) == len(files)
    for index in range(len(files)):
        np.testing.assert_array_equal(source.read(index), live.read(index))


def test_the_first_opening_stores_and_the_second_only_reads(files, root, cache, listener):
    first = open_pixels(files, SIDE, root=root, cache=cache, progress=listener)
    assert listener.totals == [6]
    second = open_pixels(files, SIDE, root=root, cache=cache, progress=listener)
    assert listener.totals == [6]
    assert listener.notes == []
    for source in (first, second):
        assert source.num_stored == 6
        assert_right(source, files, root)


def test_without_a_cache_nothing_is_written(files, root, cache):
    before = sorted(root.parent.rglob("*"))
    source = open_pixels(files, SIDE, root=root, cache=None)
    assert isinstance(source, LivePixels)
    assert_right(source, files, root)
    assert sorted(root.parent.rglob("*")) == before


def test_the_data_folder_is_not_touched(files, root, cache):
    before = {file: file.stat().st_mtime_ns for file in [root, *root.iterdir()]}
    open_pixels(files, SIDE, root=root, cache=cache)
    assert {file: file.stat().st_mtime_ns for file in [root, *root.iterdir()]} == before


def test_no_files_are_no_error(root, cache):
    assert len(open_pixels([], SIDE, root=root, cache=cache)) == 0


def test_only_a_changed_file_is_decoded_again(files, root, cache, listener):
    before = open_pixels(files, SIDE, root=root, cache=cache).read(2).copy()
    picture(77, (80, 50)).save(root / files[2])
    source = open_pixels(files, SIDE, root=root, cache=cache, progress=listener)
    assert listener.totals == [1]
    assert source.read(2).shape != before.shape
    assert_right(source, files, root)


def test_splits_of_one_folder_share_a_store(files, root, cache, listener):
    train = open_pixels(files[:4], SIDE, root=root, cache=cache, progress=listener)
    validation = open_pixels(files[3:], SIDE, root=root, cache=cache, progress=listener)
    assert listener.totals == [4, 2]
    assert_right(train, files[:4], root)
    assert_right(validation, files[3:], root)
    assert [store.images for store in list_stores(cache.folder)] == [6]


def test_another_side_is_another_store(files, root, cache, listener):
    open_pixels(files, SIDE, root=root, cache=cache)
    other = open_pixels(files, 20, root=root, cache=cache, progress=listener)
    assert listener.totals == [6]
    assert min(other.read(0).shape[:2]) == 20
    assert {store.side for store in list_stores(cache.folder)} == {SIDE, 20}


def test_another_decoder_is_another_store(files, root, cache, listener, monkeypatch):
    open_pixels(files, SIDE, root=root, cache=cache)
    monkeypatch.setattr("zoo.data.pixels.open.describe_decoder", lambda: "pillow of tomorrow")
    open_pixels(files, SIDE, root=root, cache=cache, progress=listener)
    assert listener.totals == [6]


def test_a_file_named_twice_is_stored_once(files, root, cache, listener):
    source = open_pixels([*files, *files], SIDE, root=root, cache=cache, progress=listener)
    assert listener.totals == [6]
    assert source.num_stored == 12
    assert_right(source, [*files, *files], root)


def test_names_may_be_an_array_of_strings(files, root, cache):
    names = np.array(files, dtype=np.dtypes.StringDType())
    assert_right(open_pixels(names, SIDE, root=root, cache=cache), files, root)


@pytest.mark.parametrize("changed", [2, 4, 6])
def test_images_that_are_out_of_date_do_not_pile_up(files, root, cache, changed):
    for turn in range(5):
        for at, name in enumerate(files[:changed]):
            picture(10 * turn + at).save(root / name)
        source = open_pixels(files, SIDE, root=root, cache=cache)
        assert_right(source, files, root)
    need = sum(source.read(index).nbytes for index in range(len(files)))
    assert source._reader.store.pixels.stat().st_size <= (1 / 0.5 + changed / 6) * need


def test_unreadable_files_are_all_named(files, root, cache):
    for name in files[:2]:
        (root / name).write_text("no image")
    (root / files[2]).unlink()
    with pytest.raises(UnreadableImagesError) as caught:
        open_pixels(files, SIDE, root=root, cache=cache)
    assert set(caught.value.reasons) == {root / name for name in files[:3]}


def test_images_that_do_not_fit_are_decoded_live_and_that_is_said(files, root, cache, listener):
    small = replace(cache, max_bytes=20_000)
    source = open_pixels(files, SIDE, root=root, cache=small, progress=listener)
    assert_right(source, files, root)
    assert listener.totals == []
    (note,) = listener.notes
    assert "6 of 6 images are not kept" in note
    assert "would take" in note


def test_where_more_is_needed_than_foreseen_the_limit_still_holds(
    files, root, cache, listener, monkeypatch
):
    monkeypatch.setattr("zoo.data.pixels.open.foresee_bytes", lambda *_: 0)
    small = replace(cache, max_bytes=12_000)
    source = open_pixels(files, SIDE, root=root, cache=small, progress=listener)
    assert 0 < source.num_stored < 6
    assert_right(source, files, root)
    assert list_stores(cache.folder)[0].bytes < 12_000 + 6 * 44
    assert f"{6 - source.num_stored} of 6 images are not kept" in listener.notes[0]


def test_a_disk_that_refuses_half_way_costs_only_what_did_not_fit(files, root, cache, listener):
    """The operating system itself refuses: no file of this process may exceed 12 kB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, before[1]))
    try:
        source = open_pixels(files, SIDE, root=root, cache=cache, progress=listener)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert 0 < source.num_stored < 6
    assert_right(source, files, root)
    (note,) = listener.notes
    assert "File too large" in note
    again = open_pixels(files, SIDE, root=root, cache=cache, progress=listener)
    assert again.num_stored == 6
    assert_right(again, files, root)


def test_a_cache_that_cannot_be_written_is_said_and_done_without(files, root, cache, listener):
    cache.folder.write_text("a file is in the way")
    source = open_pixels(files, SIDE, root=root, cache=cache, progress=listener)
    assert_right(source, files, root)
    assert len(listener.notes) == 1
    assert "6 of 6 images are not kept" in listener.notes[0]


def test_a_complete_store_needs_no_lock(files, root, cache, listener):
    store = open_pixels(files, SIDE, root=root, cache=cache)._reader.store
    with FileLock(store.turn):
        source = open_pixels(files, SIDE, root=root, cache=cache, progress=listener)
    assert source.num_stored == 6
    assert listener.notes == []


def test_two_runs_at_once_store_each_image_once(files, root, cache):
    listeners = [Listener(), Listener()]
    with ThreadPoolExecutor(2) as pool:
        sources = list(
            pool.map(
                lambda heard: open_pixels(files, SIDE, root=root, cache=cache, progress=heard),
                listeners,
            )
        )
    assert sum(sum(heard.totals) for heard in listeners) == 6
    for source in sources:
        assert isinstance(source, StoredPixels)
        assert_right(source, files, root)


def test_a_run_killed_while_it_stores_is_continued(tmp_path, root, cache, listener):
    """A process is killed as soon as it says that it has stored its tenth image."""
    files = make_files(root, 200)
    code = """
import sys
from pathlib import Path
from zoo.data.pixels.keep import CacheSettings
from zoo.data.pixels.open import open_pixels
from zoo.progress import Silence
class Telling(Silence):
    done = 0
    def advance(self, count, figures=""):
        self.done += count
        print(self.done, flush=True)
root, folder = map(Path, sys.argv[1:])
files = sorted(file.name for file in root.iterdir())
open_pixels(files, 32, root=root, cache=CacheSettings(folder=folder), progress=Telling())
"""
    command = [sys.executable, "-c", code, str(root), str(cache.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout:
            if int(line) == 10:
                os.kill(child.pid, signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    source = open_pixels(files, SIDE, root=root, cache=cache, progress=listener)
    assert 0 < listener.totals[0] <= 190
    assert source.num_stored == 200
    assert_right(source, files, root)


def test_who_listens_can_stop_the_building_which_is_then_continued(files, root, cache, listener):
    class Impatient(Listener):
        def advance(self, count: int, figures: str = "") -> None:
            super().advance(count)
            if self.done == 2:
                raise KeyboardInterrupt

    impatient = Impatient()
    with pytest.raises(KeyboardInterrupt):
        open_pixels(files, SIDE, root=root, cache=cache, progress=impatient)
    assert impatient.finished == 1
    source = open_pixels(files, SIDE, root=root, cache=cache, progress=listener)
    assert listener.totals == [4]
    assert_right(source, files, root)
