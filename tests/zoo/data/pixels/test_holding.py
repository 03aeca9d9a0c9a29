import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from zoo.data.pixels import holding
from zoo.data.pixels.holding import hold, take_if_unused
from zoo.data.pixels.store import Store


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "a.pixels")


def is_unused(store: Store) -> bool:
    with take_if_unused(store) as unused:
        return unused


def test_any_number_hold_a_store_and_none_else_has_it_alone(store):
    first, second = hold(store), hold(store)
    assert not is_unused(store)
    del first
    assert not is_unused(store)
    del second
    assert is_unused(store)


def test_who_is_writing_uses_a_store(store):
    with FileLock(store.turn):
        assert not is_unused(store)
    assert is_unused(store)


def test_a_store_is_had_alone_by_one_only(store):
    with take_if_unused(store) as unused:
        assert unused
        assert not is_unused(store)


def test_a_process_forked_off_holds_what_its_parent_let_go(store):
    """The child lives until its end of the pipe says that the parent has looked."""
    ours, theirs = os.pipe()
    held = hold(store)
    child = os.fork()
    if not child:
        os.close(theirs)
        os.read(ours, 1)
        os._exit(0)
    os.close(ours)
    del held
    try:
        assert not is_unused(store)
    finally:
        os.close(theirs)
        os.waitpid(child, 0)
    assert is_unused(store)


def test_a_process_forked_off_lets_go_for_itself_alone(store):
    held = hold(store)
    child = os.fork()
    if not child:
        del held
        os._exit(0)
    os.waitpid(child, 0)
    assert not is_unused(store)


def test_a_process_that_is_killed_holds_nothing(store):
    code = """
import sys
from pathlib import Path
from zoo.data.pixels.holding import hold
from zoo.data.pixels.store import Store
held = hold(Store(Path(sys.argv[1])))
print(held is not None, flush=True)
sys.stdin.read()
"""
    command = [sys.executable, "-c", code, str(store.folder)]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as child:
        assert child.stdout.readline() == "True\n"
        assert not is_unused(store)
        os.kill(child.pid, signal.SIGKILL)
    assert is_unused(store)


def test_a_folder_that_cannot_be_written_has_nothing_to_hold(tmp_path):
    (tmp_path / "file").touch()
    assert hold(Store(tmp_path / "file" / "a.pixels")) is None


def test_where_there_are_no_locks_stores_are_held_by_nobody_and_stay(store, monkeypatch):
    def refuse(file: int, *, alone: bool) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    before = len(list(Path("/proc/self/fd").iterdir()))
    monkeypatch.setattr(holding, "_lock", refuse)
    assert hold(store) is None
    assert not is_unused(store)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
