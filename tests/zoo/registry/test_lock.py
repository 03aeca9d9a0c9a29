import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from difflib import ndiff
from pathlib import Path

import pytest

from zoo.errors import DamagedFileError, StorageError
from zoo.registry.lock import NAME, Lock

ONE, OTHER = "1" * 64, "2" * 64


@pytest.fixture
def lock(tmp_path):
    return Lock(tmp_path / "config" / NAME)


def test_a_lock_file_that_is_not_there_knows_nothing(lock):
    assert lock.get("hub:a/b/w.bin") is None
    assert not lock.path.parent.exists()


@pytest.mark.parametrize("text", ["", "\n"])
def test_an_empty_file_is_an_empty_lock(lock, text):
    lock.path.parent.mkdir()
    lock.path.write_text(text)
    assert lock.get("key") is None
    lock.add("key", sha256=ONE, size=1)
    assert lock.get("key").sha256 == ONE


def test_what_was_added_is_known_ever_after(lock):
    added = lock.add("key", sha256=ONE, size=5, revision="c0ffee")
    assert Lock(lock.path).get("key") == added
    assert (added.sha256, added.bytes, added.revision) == (ONE, 5, "c0ffee")
    assert datetime.now(UTC) - added.first_fetched < timedelta(minutes=5)


def test_the_first_meeting_counts(lock):
    first = lock.add("key", sha256=ONE, size=5)
    content = lock.path.read_bytes()
    assert lock.add("key", sha256=OTHER, size=6) == first
    assert lock.path.read_bytes() == content


def test_entries_are_sorted_so_that_the_file_says_what_changed(lock):
    for key in ("b", "c", "a"):
        lock.add(key, sha256=ONE, size=1)
    before = lock.path.read_text().splitlines()
    assert list(json.loads(lock.path.read_text())["files"]) == ["a", "b", "c"]
    lock.add("bb", sha256=OTHER, size=2)
    changes = list(ndiff(before, lock.path.read_text().splitlines()))
    assert not [line for line in changes if line.startswith("-")]
    assert [line for line in changes if line.startswith("+") and OTHER in line]


def test_what_is_not_known_is_not_written(lock):
    lock.add("key", sha256=ONE, size=1)
    assert set(json.loads(lock.path.read_text())["files"]["key"]) == {
        *("sha256", "bytes", "first_fetched"),
    }


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"\x00\xff",
        b"[]",
        b'{"version": 2}',
        b'{"files": {"key": {"sha256": "short", "bytes": 1, "first_fetched": "2026-01-01"}}}',
        b'{"files": {}, "more": 1}',
    ],
)
def test_a_damaged_file_is_an_error_and_is_not_written_over(lock, content):
    lock.path.parent.mkdir()
    lock.path.write_bytes(content)
    with pytest.raises(DamagedFileError, match="zoo.lock is damaged: not a lock file") as caught:
        lock.get("key")
    assert "restore it from a copy" in caught.value.hint
    with pytest.raises(DamagedFileError):
        lock.add("key", sha256=ONE, size=1)
    assert lock.path.read_bytes() == content


def test_an_unwritable_place_is_a_storage_error(tmp_path):
    (tmp_path / "config").write_text("in the way")
    with pytest.raises(StorageError, match=r"cannot write .*zoo\.lock"):
        Lock(tmp_path / "config" / NAME).add("key", sha256=ONE, size=1)


def test_a_file_that_cannot_be_read_is_an_error_that_says_why(lock):
    lock.path.mkdir(parents=True)
    with pytest.raises(DamagedFileError, match="cannot be read") as caught:
        lock.get("key")
    assert "permissions" in caught.value.hint


def test_processes_that_add_at_once_lose_nothing(lock):
    """Each waits for all to be ready, then adds ten files of its own and one of everybody's."""
    code = """
import sys
from pathlib import Path
from zoo.registry.lock import Lock
name, lock = sys.argv[2], Lock(Path(sys.argv[1]))
print("ready", flush=True)
input()
known = [lock.add(f"{name}/{i}", sha256=name * 64, size=1) for i in range(10)]
print(lock.add("shared", sha256=name * 64, size=1).sha256)
"""
    names = ["1", "2", "3"]
    children = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(lock.path), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]
    for child in children:
        assert child.stdout.readline() == "ready\n"
    for child in children:
        child.stdin.write("\n")
        child.stdin.flush()
    believed = {child.communicate(timeout=60)[0].strip() for child in children}
    files = json.loads(lock.path.read_text())["files"]
    assert set(files) == {"shared", *(f"{name}/{i}" for name in names for i in range(10))}
    assert believed == {files["shared"]["sha256"]}


def test_the_projects_lock_file_counts_more_than_the_users(user_folder):
    assert Lock.default().path == user_folder / NAME
    Path(NAME).touch()
    assert Lock.default().path == Path.cwd() / NAME
