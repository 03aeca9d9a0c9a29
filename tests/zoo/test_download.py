import os
import subprocess
import sys
import threading
from dataclasses import replace
from random import Random

import pytest

from tests.web_server import Response, WebServer, cut, refuse
from zoo.download import download

CONTENT = Random(0).randbytes(300_000)


@pytest.fixture
def url(web):
    web.files["/w.bin"] = CONTENT
    return f"{web.address}/w.bin"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cache" / "w.bin"


@pytest.fixture
def part(path):
    """What an earlier attempt leaves."""
    path.parent.mkdir()
    return path.with_name("w.bin.part")


def accept(_):
    pass


def refuse_it(_):
    raise ValueError("another file")


def ranges(web):
    return [request.headers.get("Range") for request in web.asked()]


def test_a_file_comes_whole_and_leaves_no_part(url, path):
    download(url, path, accept)
    assert path.read_bytes() == CONTENT
    assert not path.with_name("w.bin.part").exists()


def test_what_is_in_place_is_not_asked_for(web, url, path, part):
    path.write_bytes(b"here")
    download(url, path, refuse_it)
    assert path.read_bytes() == b"here"
    assert web.requests == []


@pytest.mark.parametrize("after", [1, 8_191, 65_536, 200_000, len(CONTENT) - 1])
def test_a_dropped_connection_is_taken_up_where_it_ended(web, url, path, after):
    web.break_next(cut(after))
    download(url, path, accept)
    assert path.read_bytes() == CONTENT
    assert ranges(web) == [None, f"bytes={after}-"]


def test_every_attempt_may_break_as_long_as_it_brings_something(web, url, path):
    web.break_next(*[cut(1_000)] * 20)
    download(url, path, accept)
    assert path.read_bytes() == CONTENT
    assert len(web.requests) == 21


def test_what_came_before_a_reset_connection_counts(web, url, path):
    web.break_next(cut(20_000, reset=True))
    download(url, path, accept)
    assert path.read_bytes() == CONTENT
    assert len(web.requests) == 2


def test_a_cut_is_noticed_where_the_length_was_not_announced(web, url, path):
    web.chunked = True
    web.break_next(cut(50_000))
    download(url, path, accept)
    assert path.read_bytes() == CONTENT
    assert ranges(web) == [None, "bytes=50000-"]


def test_a_server_that_ignores_ranges_sends_it_all_again(web, url, path):
    web.ranges = False
    web.break_next(cut(100_000))
    download(url, path, accept)
    assert path.read_bytes() == CONTENT


def test_a_server_that_starts_over_and_gets_no_further_is_given_up(web, url, path):
    web.ranges = False
    web.broken = cut(100_000)
    with pytest.raises(ConnectionError, match="ended after 100,000 bytes"):
        download(url, path, accept)
    assert len(web.requests) == 2


def test_what_an_earlier_attempt_left_is_continued(web, url, path, part):
    part.write_bytes(CONTENT[:1_234])
    download(url, path, accept)
    assert path.read_bytes() == CONTENT
    assert ranges(web) == ["bytes=1234-"]


def test_an_attempt_that_fails_leaves_what_came_to_the_next(web, url, path):
    web.break_next(cut(70_000), refuse(503))
    with pytest.raises(OSError, match="503"):
        download(url, path, accept)
    assert not path.exists()
    download(url, path, accept)
    assert path.read_bytes() == CONTENT
    assert ranges(web)[-1] == "bytes=70000-"


def test_a_part_that_was_already_whole_only_takes_its_place(web, url, path, part):
    part.write_bytes(CONTENT)
    download(url, path, accept)
    assert path.read_bytes() == CONTENT
    assert ranges(web) == [f"bytes={len(CONTENT)}-"]


def test_a_part_longer_than_the_file_is_thrown_away_by_the_check(web, url, path, part):
    part.write_bytes(CONTENT + b"too much")
    with pytest.raises(ValueError, match="another file"):
        download(url, path, refuse_it)
    download(url, path, accept)
    assert path.read_bytes() == CONTENT


def test_a_connection_that_brings_nothing_is_given_up(web, url, path):
    web.break_next(cut(0))
    with pytest.raises(ConnectionError, match="ended after 0 bytes"):
        download(url, path, accept)
    assert len(web.requests) == 1


@pytest.mark.parametrize("status", [404, 500])
def test_a_refusal_is_an_error_at_once_and_what_came_before_is_kept(web, url, path, part, status):
    part.write_bytes(b"begun")
    web.broken = refuse(status)
    with pytest.raises(OSError, match=str(status)):
        download(url, path, accept)
    assert len(web.requests) == 1
    assert part.read_bytes() == b"begun"
    assert not path.exists()


def test_an_unreachable_server_is_an_error_that_says_so(web, url, path):
    web.stop()
    with pytest.raises(ConnectionError, match="refused"):
        download(url, path, accept)


def test_a_file_that_fails_its_check_leaves_nothing(url, path):
    seen = []

    def check(arrived):
        seen.append(arrived.read_bytes())
        raise ValueError("another file")

    with pytest.raises(ValueError, match="another file"):
        download(url, path, check)
    assert seen == [CONTENT]
    assert not path.exists()
    assert not path.with_name("w.bin.part").exists()


def test_an_interrupted_check_keeps_what_came(url, path):
    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(url, path, interrupt)
    assert path.with_name("w.bin.part").read_bytes() == CONTENT
    assert not path.exists()


def test_processes_that_want_the_same_file_fetch_it_once(web, url, path):
    """The file is sent only once all of them have begun."""
    web.files["/begun"] = b""
    count, begun = 3, threading.Semaphore(0)
    code = """
import sys
from pathlib import Path
from urllib.request import urlopen
from zoo.download import download
urlopen(sys.argv[1] + "/begun").close()
download(sys.argv[1] + "/w.bin", Path(sys.argv[2]), lambda part: None)
"""

    def answer(answer: Response) -> Response:
        if answer.body != CONTENT:
            begun.release()
            return answer
        came = [begun.acquire(timeout=60) for _ in range(count)]
        return answer if all(came) else replace(answer, status=500)

    web.broken = answer
    command = [sys.executable, "-c", code, web.address, str(path)]
    children = [subprocess.Popen(command) for _ in range(count)]
    assert [child.wait(timeout=60) for child in children] == [0] * count
    assert path.read_bytes() == CONTENT
    assert [request.target for request in web.requests].count("/w.bin") == 1


def test_the_hubs_offline_switch_forbids_the_network_here_as_well(web, url, path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ConnectionError, match="HF_HUB_OFFLINE is set"):
        download(url, path, accept)
    assert web.requests == []
    path.write_bytes(b"here")
    download(url, path, accept)


def test_the_environments_proxy_is_asked(web, path, monkeypatch):
    address = "http://weights.example/w.bin"
    web.files[address] = CONTENT
    monkeypatch.setenv("http_proxy", web.address)
    download(address, path, accept)
    assert path.read_bytes() == CONTENT
    assert [request.target for request in web.requests] == [address]


def test_only_the_web_is_downloaded_from(path):
    with pytest.raises(ValueError, match="no http address"):
        download(f"file://{os.devnull}", path, accept)


def test_a_token_is_not_sent_to_where_a_server_redirects(web, tmp_path):
    """Python's urllib would hand it on."""
    with WebServer() as elsewhere:
        elsewhere.files["/w"] = b"weights"
        target = f"{elsewhere.address}/w"
        web.broken = lambda _: Response(status=302, headers={"Location": target})
        headers = {"Authorization": "Bearer secret"}
        download(f"{web.address}/w", tmp_path / "w", lambda _: None, headers=headers)
        assert (tmp_path / "w").read_bytes() == b"weights"
        assert [r.headers["Authorization"] for r in web.requests] == ["Bearer secret"]
        assert [r.headers["Authorization"] for r in elsewhere.requests] == [None]


def test_a_full_disk_is_not_mistaken_for_a_bad_connection(web, tmp_path, monkeypatch):
    from zoo.errors import StorageError

    web.files["/w"] = b"weights"

    def full(file, path, chunk):
        raise StorageError(path, OSError(28, "No space left on device"))

    monkeypatch.setattr("zoo.download._write", full)
    with pytest.raises(StorageError, match="No space left"):
        download(f"{web.address}/w", tmp_path / "w", lambda _: None)
