import json
import signal
import subprocess
import sys
import textwrap

import pytest

from zoo.errors import DamagedFileError, StorageError
from zoo.storage import (
    appearing,
    append_line,
    read_json,
    sha256_of,
    sha256_of_bytes,
    write_bytes,
    write_json,
    write_lines,
    write_together,
)


def run_python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", textwrap.dedent(code), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_bytes(path, b"old")

    def fail(handle):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(KeyboardInterrupt):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_a_clear_error_and_the_old_file_stays(tmp_path):
    """A file-size limit makes the kernel refuse the write, as a full disk does."""
    path = tmp_path / "file"
    write_bytes(path, b"old")
    done = run_python(
        """
        import resource, signal, sys
        from pathlib import Path
        from zoo.errors import StorageError
        from zoo.storage import write_bytes
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            write_bytes(Path(sys.argv[1]), b"x" * 100_000)
        except StorageError as error:
            print(error.problem, "|", error.hint)
        """,
        str(path),
    )
    assert f"cannot write {path}" in done.stdout
    assert "free some space" in done.stdout
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_killed_writer_leaves_the_old_file_whole(tmp_path):
    path = tmp_path / "file"
    write_bytes(path, b"old")
    code = """
        import os, signal, sys
        from pathlib import Path
        from zoo.storage import write_bytes
        os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)
        write_bytes(Path(sys.argv[1]), b"half")
    """
    assert run_python(code, str(path)).returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"


def test_an_unwritable_place_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot write"):
        write_bytes(tmp_path / "file" / "inside", b"")


def test_json_refuses_nan_and_keeps_the_old_file(tmp_path):
    path = tmp_path / "value.json"
    write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="Out of range"):
        write_json(path, {"a": float("nan")})
    assert read_json(path) == {"a": 1}


def test_broken_json_names_the_file(tmp_path):
    path = tmp_path / "value.json"
    path.write_text("{")
    with pytest.raises(DamagedFileError, match=r"value\.json is damaged"):
        read_json(path)


def test_lines_are_appended_one_json_value_each(tmp_path):
    path = tmp_path / "log.jsonl"
    append_line(path, {"step": 1})
    append_line(path, {"step": 2})
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [1, 2]


def test_written_files_have_the_permissions_of_any_new_file(tmp_path):
    write_bytes(tmp_path / "ours", b"")
    (tmp_path / "plain").touch()
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_the_two_hashes_agree(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    assert sha256_of(tmp_path / "file") == sha256_of_bytes(b"content")


def test_lines_are_written_one_below_the_other(tmp_path):
    write_lines(tmp_path / "new" / "lines", (str(number) for number in range(3)))
    assert (tmp_path / "new" / "lines").read_bytes() == b"0\n1\n2\n"


def test_no_lines_are_an_empty_file(tmp_path):
    write_lines(tmp_path / "lines", [])
    assert (tmp_path / "lines").read_bytes() == b""


def test_files_that_need_each_other_appear_in_their_order_and_leave_no_litter(tmp_path):
    weights, graph = tmp_path / "weights", tmp_path / "graph"
    write_together({weights: b"1", graph: b"2"})
    assert (weights.read_bytes(), graph.read_bytes()) == (b"1", b"2")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["graph", "weights"]


@pytest.mark.parametrize("bad", [0, 1])
def test_if_one_cannot_be_written_all_are_as_before(tmp_path, bad):
    (tmp_path / "file").write_bytes(b"in the way of a folder")
    good = tmp_path / "good"
    good.write_bytes(b"before")
    contents = [(tmp_path / "file" / "bad", b"1"), (good, b"after")]
    with pytest.raises(StorageError):
        write_together(dict(contents if bad == 0 else reversed(contents)))
    assert good.read_bytes() == b"before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "good"]


def test_lines_that_end_in_an_error_leave_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "lines"
    write_lines(path, ["old"])

    def lines():
        yield "new"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_lines(path, lines())
    assert path.read_bytes() == b"old\n"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[" * 100_000, "nested too deep"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "'c' is there twice"),
        (b'{"a": NaN}', "NaN is no number"),
        (b'{"a": -Infinity}', "-Infinity is no number"),
        (b'{"a": 1e999}', "1e999 is too large"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "Exceeds the limit"),
        (b'{"a": "\xff"}', "can't decode byte 0xff"),
    ],
)
def test_json_is_read_as_strictly_as_it_is_written(content, reason, tmp_path):
    (tmp_path / "value.json").write_bytes(content)
    with pytest.raises(DamagedFileError, match=f"not valid JSON .*{reason}"):
        read_json(tmp_path / "value.json")


def test_an_error_of_whoever_makes_the_content_is_not_blamed_on_the_file(tmp_path):
    """A picture that cannot be read is no reason to free space where features are written."""

    def lines():
        yield "new"
        raise FileNotFoundError(2, "No such file", "picture.png")

    with pytest.raises(FileNotFoundError, match=r"picture\.png"):
        write_lines(tmp_path / "lines", lines())
    with pytest.raises(PermissionError), appearing(tmp_path / "features"):
        raise PermissionError(13, "Permission denied", "picture.png")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_on_the_way_names_the_file(tmp_path):
    """Less than a buffer is written at first, which only the end finds no room for."""
    done = run_python(
        """
        import resource, signal, sys
        from pathlib import Path
        from zoo.errors import StorageError
        from zoo.storage import write_lines
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        for count in (2_000, 200_000):
            try:
                write_lines(Path(sys.argv[1]), ("x" for _ in range(count)))
            except StorageError as error:
                print(error.problem)
        """,
        str(tmp_path / "lines"),
    )
    assert done.stdout.count(f"cannot write {tmp_path / 'lines'}") == 2
    assert not done.stderr
    assert list(tmp_path.iterdir()) == []
