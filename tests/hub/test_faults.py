"""What is told to go wrong goes wrong, once and as told, and is done or not done."""

import socket
from pathlib import Path
from threading import Event, Thread

import pytest
from huggingface_hub import CommitOperationAdd, hf_hub_download
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import build_hf_headers

from tests.hub.conftest import noise, read_folder
from tests.hub.faults import (
    Corrupt,
    DoneBut,
    DropAnswer,
    DropRequest,
    Meanwhile,
    Refuse,
    Slow,
    Stall,
    Truncate,
)
from tests.hub.httpx import httpx

REPO = "alice/model"
WEIGHTS = noise(300_000)


@pytest.fixture
def filled(hub):
    hub.commit(REPO, {"model.safetensors": WEIGHTS, "small.txt": b"0123456789"})
    return hub.repositories[REPO]


@pytest.fixture
def small(hub, filled):
    """The address of a small file."""
    return f"{hub.address}/{REPO}/resolve/main/small.txt"


def change(client, **options):
    added = CommitOperationAdd("a.txt", b"a")
    return client.create_commit(REPO, [added], commit_message="a", **options)


# Which requests


def test_a_fault_is_for_the_requests_that_it_names(hub, small):
    rule = hub.faults.on("GET", f"/{REPO}/resolve/*/small.txt", Refuse(status=503), skip=1)
    assert [httpx.get(small).status_code for _ in range(3)] == [200, 503, 200]
    assert httpx.head(small).status_code == 200
    assert rule.fired == 1
    assert [each.faults for each in hub.log.of("GET")] == [(), ("Refuse",), ()]


def test_a_fault_that_is_not_told_how_often_happens_until_it_is_cleared(hub, small):
    hub.faults.on("*", "*", Refuse(status=500), times=None)
    assert {httpx.get(small).status_code for _ in range(3)} == {500}
    hub.faults.clear()
    assert httpx.get(small).status_code == 200


def test_a_fault_of_one_host_leaves_the_other_alone(hub, small):
    hub.faults.on("*", "*", Refuse(status=500), times=None, host="storage")
    assert httpx.get(small).status_code == 200


# What goes wrong


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("after", [0, 1, 9])
def test_an_answer_breaks_off_after_that_many_bytes_of_its_body(hub, small, after, reset):
    hub.faults.on("GET", "*", DropAnswer(after_bytes=after, reset=reset))
    with pytest.raises(httpx.TransportError):
        httpx.get(small)
    assert hub.log.of("GET")[0].sent == after


def test_what_came_before_an_answer_broke_off_is_what_was_sent(hub, small):
    hub.faults.on("GET", "*", DropAnswer(after_bytes=4, reset=False))
    with httpx.stream("GET", small) as answer:
        pieces = answer.iter_raw()
        assert next(pieces) == b"0123"
        with pytest.raises(httpx.RemoteProtocolError, match="received 4 bytes, expected 10"):
            next(pieces)


@pytest.mark.parametrize("after", [0, 1, 20])
def test_an_answer_breaks_off_within_its_head(hub, small, after):
    hub.faults.on("GET", "*", DropAnswer(after_bytes=after, counts_head=True, reset=False))
    port = int(hub.address.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(f"GET /{REPO}/resolve/main/small.txt HTTP/1.1\r\n\r\n".encode())
        came = b"".join(iter(lambda: client.recv(1_000), b""))
    assert came == b"HTTP/1.1 200 OK\r\nCon"[:after]


@pytest.mark.parametrize("after", [0, 1, 100_000, 299_999, 300_000, 400_000])
def test_a_request_that_breaks_off_has_done_nothing(alice, hub, after):
    hub.create(REPO)
    hub.faults.on("PUT", "*", DropRequest(after_bytes=after), times=None)
    with pytest.raises(RuntimeError, match="Error while uploading"):
        alice.create_commit(
            REPO, [CommitOperationAdd("m.safetensors", WEIGHTS)], commit_message="m"
        )
    assert {each.received for each in hub.log.of("PUT")} == {min(after, 300_000)}
    assert hub.repositories[REPO].large == {}
    assert len(hub.repositories[REPO].commits) == 1


def test_a_request_without_a_body_that_breaks_off_has_done_nothing(alice, hub, filled):
    filled.branches["old"] = filled.head().id
    hub.faults.on("DELETE", "*", DropRequest())
    with pytest.raises(httpx.TransportError):
        alice.delete_branch(REPO, branch="old")
    assert list(filled.branches) == ["main", "old"]


def test_an_answer_that_breaks_off_leaves_it_done(alice, hub, filled):
    hub.faults.on("POST", "*/commit/*", DropAnswer(counts_head=True))
    with pytest.raises(httpx.TransportError):
        change(alice)
    assert "a.txt" in hub.content(REPO)


@pytest.mark.parametrize("fault", [Refuse(status=500), DoneBut(status=500)])
def test_an_error_instead_of_an_answer_says_nothing_of_what_was_done(alice, hub, filled, fault):
    hub.faults.on("POST", "*/commit/*", fault)
    with pytest.raises(HfHubHTTPError, match="500"):
        change(alice)
    assert ("a.txt" in hub.content(REPO)) == isinstance(fault, DoneBut)


def test_a_client_that_is_told_to_wait_waits_that_long(alice, hub, filled):
    hub.faults.on("POST", "*/preupload/*", Refuse(status=429, retry_after_s=17))
    change(alice)
    assert hub.waits == [18.0]  # the client adds a second
    assert [each.status for each in hub.log.of("POST", "*/preupload/*")] == [429, 200]


def test_a_client_heeds_the_rate_limit_of_a_refusal(alice, hub, filled):
    limit = {"ratelimit": '"api";r=0;t=55', "ratelimit-policy": '"fixed window";"api";q=500;w=300'}
    hub.faults.on("POST", "*/preupload/*", Refuse(status=429, headers=limit))
    change(alice)
    assert hub.waits == [56.0]


def test_a_refusal_says_what_it_was_told_to(alice, hub, filled):
    hub.faults.on("POST", "*", Refuse(status=403, message="No more space", code="GatedRepo"))
    with pytest.raises(HfHubHTTPError, match="No more space") as caught:
        change(alice)
    assert caught.value.response.headers["X-Error-Code"] == "GatedRepo"


def test_a_truncated_answer_is_in_order_and_too_short(hub, small, filled):
    hub.faults.on("GET", "*", Truncate(to_bytes=4))
    answer = httpx.get(small)
    assert (answer.content, answer.headers["Content-Length"]) == (b"0123", "4")
    hub.faults.on("GET", "/lfs/*", Truncate(to_bytes=4))
    with pytest.raises(OSError, match="should be of size 300000 but has size 4"):
        hf_hub_download(REPO, "model.safetensors")


def test_a_corrupt_answer_is_in_order_but_for_one_bit(hub, small):
    hub.faults.on("GET", "*", Corrupt(at_byte=3))
    assert httpx.get(small).content == b"0122456789"


def test_a_slow_answer_comes_in_small_pieces(hub, small):
    hub.faults.on("GET", "*", Slow(piece_bytes=3, pause_s=0.001))
    assert httpx.get(small).content == b"0123456789"


def test_a_stalled_answer_ends_when_it_is_let_go(hub, small):
    gate, came = Event(), Event()
    hub.faults.on("GET", "*", Stall(gate=gate))
    answers = []
    asking = Thread(target=lambda: (answers.append(httpx.get(small).content), came.set()))
    asking.start()
    assert not came.wait(0.05)
    gate.set()
    asking.join()
    assert answers == [b"0123456789"]


def test_a_stalled_answer_ends_with_the_server(hub, small):
    hub.faults.on("GET", "*", Stall())
    with httpx.stream("GET", small) as answer:
        hub.stop()
        with pytest.raises(httpx.TransportError):
            answer.read()


def test_somebody_elses_commit_comes_between(alice, hub, filled):
    parent = filled.head().id
    theirs = Meanwhile(do=lambda: hub.commit(REPO, {"theirs.txt": b""}))
    hub.faults.on("POST", "*/commit/*", theirs)
    with pytest.raises(HfHubHTTPError, match="412"):
        change(alice, parent_commit=parent)
    assert "theirs.txt" in hub.content(REPO)
    assert "a.txt" not in hub.content(REPO)


def test_a_token_expires_in_the_middle(alice, hub, filled):
    hub.faults.on("POST", "*/commit/*", Meanwhile(do=lambda: hub.accounts.expire("alice")))
    with pytest.raises(HfHubHTTPError, match="401"):
        change(alice)
    assert [each.status for each in hub.log.of("POST")] == [200, 401]
    assert "a.txt" not in hub.content(REPO)


def test_the_space_runs_out_in_the_middle(alice, hub, folder):
    hub.create(REPO)
    hub.faults.on(
        "POST", "*/batch", Meanwhile(do=lambda: hub.accounts.limits.update(alice=100_000))
    )
    with pytest.raises(HfHubHTTPError, match="storage limit reached"):
        alice.upload_folder(repo_id=REPO, folder_path=folder)
    assert hub.content(REPO) == {}


def test_an_upload_with_another_content_than_announced_is_refused(alice, hub):
    repository = hub.create(REPO)
    wanted = {"oid": "0" * 64, "size": 3}
    batch = httpx.post(
        f"{hub.address}/{REPO}.git/info/lfs/objects/batch",
        json={"operation": "upload", "objects": [wanted]},
        headers=build_hf_headers(),
    ).json()
    address = batch["objects"][0]["actions"]["upload"]["href"]
    assert httpx.put(address, content=b"abc").status_code == 400
    assert repository.large == {}


# How the client gets over it


def test_a_dropped_download_is_continued_where_it_broke(hub, filled, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 50_000)
    hub.faults.on("GET", "/lfs/*", DropAnswer(after_bytes=200_000, reset=False))
    assert Path(hf_hub_download(REPO, "model.safetensors")).read_bytes() == WEIGHTS
    first, second = hub.log.of("GET", "/lfs/*")
    assert (first.sent, second.headers["range"], second.sent) == (200_000, "bytes=200000-", 100_000)


@pytest.mark.parametrize("fault", [Refuse(status=503), DropRequest(after_bytes=50_000)])
@pytest.mark.parametrize("part_size", [None, 70_000])
def test_an_upload_that_fails_once_is_sent_again(alice, hub, folder, fault, part_size):
    hub.create(REPO)
    hub.part_size = part_size
    hub.faults.on("PUT", "*", fault)
    alice.upload_folder(repo_id=REPO, folder_path=folder)
    assert hub.content(REPO) == read_folder(folder)
    hub.assert_no_leak()


def test_the_hub_that_was_stopped_cannot_be_reached(hub, small):
    hub.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(small)
