"""The official client puts repositories, files, branches, tags and pull requests on the Hub."""

import hashlib
import json
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, snapshot_download
from huggingface_hub.errors import (
    BadRequestError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import build_hf_headers

from tests.hub.client import allow_xet
from tests.hub.conftest import noise, read_folder
from tests.hub.httpx import httpx

REPO = "alice/model"


def add(path, content=b"text"):
    return CommitOperationAdd(path, content)


@pytest.fixture
def repo(alice, hub):
    alice.create_repo(REPO)
    return hub.repositories[REPO]


def test_the_token_says_who_its_user_is(alice, hub):
    hub.accounts.add("alice", acme="admin")
    answer = alice.whoami()
    assert (answer["name"], answer["auth"]["accessToken"]["role"]) == ("alice", "write")
    assert [(org["name"], org["roleInOrg"]) for org in answer["orgs"]] == [("acme", "admin")]


def test_a_new_repository_begins_with_its_attributes(alice, hub):
    url = alice.create_repo(REPO, private=True)
    assert (url.repo_id, str(url)) == (REPO, f"{hub.address}/{REPO}")
    assert hub.repositories[REPO].private
    assert list(hub.repositories[REPO].head().files) == [".gitattributes"]


def test_a_repository_that_exists_is_a_conflict_that_can_be_asked_for(alice, hub, repo):
    with pytest.raises(HfHubHTTPError, match="already created"):
        alice.create_repo(REPO)
    assert alice.create_repo(REPO, exist_ok=True).repo_id == REPO


@pytest.mark.parametrize("name", ["a--b", "a..b", "-a", "x" * 97, "a/b"])
def test_a_name_that_the_hub_does_not_allow_is_refused(alice, hub, name):
    """The client refuses these itself; so this asks without it."""
    answer = httpx.post(
        f"{hub.address}/api/repos/create", json={"name": name}, headers=build_hf_headers()
    )
    assert (answer.status_code, hub.repositories) == (400, {})


def test_a_folder_arrives_whole_in_one_commit(alice, hub, repo, folder):
    made = alice.upload_folder(repo_id=REPO, folder_path=folder, commit_message="all of it")
    assert hub.content(REPO) == read_folder(folder)
    assert [each.title for each in repo.history("main")] == ["all of it", "initial commit"]
    assert made.oid == repo.head().id


def test_large_files_go_to_the_storage_and_the_rest_into_git(alice, hub, repo, folder):
    alice.upload_folder(repo_id=REPO, folder_path=folder)
    large = {path for path, blob in repo.head().files.items() if blob.sha256}
    assert large == {"model.safetensors", "onnx/model.onnx"}
    assert sorted(each.received for each in hub.log.of("PUT", host="storage")) == [120_000, 300_000]
    (commit,) = hub.log.of("POST", "*/commit/*")
    assert commit.received < 2_000
    hub.assert_no_leak()


def test_a_file_above_the_threshold_is_large_whatever_its_name(alice, hub, repo):
    hub.large_threshold = 1_000
    alice.create_commit(REPO, [add("big.txt", b"x" * 1_001)], commit_message="big")
    assert repo.head().files["big.txt"].sha256 == hashlib.sha256(b"x" * 1_001).hexdigest()
    attributes = hub.repositories[REPO].head().files[".gitattributes"].content
    assert b"big.txt filter=lfs" in attributes


def test_a_file_that_is_not_text_is_large_whatever_its_size(alice, hub, repo):
    added = [add("a.png", b"\x89PNG\0"), add("a.txt", "größer".encode()), add("none.png", b"")]
    alice.create_commit(REPO, added, commit_message="picture")
    files = repo.head().files
    assert [path for path, blob in files.items() if blob.sha256] == ["a.png"]


def test_a_large_file_comes_in_parts_and_is_put_together(alice, hub, repo, folder):
    hub.part_size = 70_000
    alice.upload_folder(repo_id=REPO, folder_path=folder)
    parts = [each.received for each in hub.log.of("PUT", "/upload/*/*", host="storage")]
    assert sorted(parts) == [20_000, 50_000, *[70_000] * 5]
    assert len(hub.log.of("POST", "/api/complete_multipart")) == 2
    assert len(hub.log.of("POST", "*/verify")) == 2
    assert hub.content(REPO) == read_folder(folder)


def test_what_is_there_already_is_neither_sent_nor_committed_again(alice, hub, repo, folder):
    first = alice.upload_folder(repo_id=REPO, folder_path=folder)
    hub.log.clear()
    second = alice.upload_folder(repo_id=REPO, folder_path=folder)
    assert second.oid == first.oid
    assert not hub.log.of("PUT") + hub.log.of("POST", "*/commit/*")


def test_a_large_file_that_came_before_an_interruption_is_not_sent_again(alice, hub, repo, folder):
    weights = CommitOperationAdd("model.safetensors", folder / "model.safetensors")
    alice.preupload_lfs_files(REPO, [weights])
    assert list(repo.head().files) == [".gitattributes"]
    hub.log.clear()
    alice.upload_folder(repo_id=REPO, folder_path=folder)
    assert [each.received for each in hub.log.of("PUT")] == [120_000]


def test_a_commit_with_a_file_that_never_came_is_refused(alice, hub, repo):
    lost = CommitOperationAdd("model.safetensors", noise(1_000))
    alice.preupload_lfs_files(REPO, [lost], free_memory=False)
    repo.large.clear()
    with pytest.raises(BadRequestError, match="does not exist"):
        alice.create_commit(REPO, [lost], commit_message="lost")
    assert len(repo.commits) == 1


def test_files_and_folders_are_deleted(alice, hub, repo, folder):
    alice.upload_folder(repo_id=REPO, folder_path=folder)
    gone = [CommitOperationDelete("onnx/"), CommitOperationDelete("config.json")]
    alice.create_commit(REPO, gone, commit_message="less")
    assert set(hub.content(REPO)) == {"README.md", "empty.txt", "model.safetensors"}


@pytest.mark.parametrize("path", ["none.txt", "none/"])
def test_what_is_not_there_cannot_be_deleted(alice, repo, path):
    with pytest.raises(RemoteEntryNotFoundError, match="with this name doesn't exist"):
        alice.create_commit(REPO, [CommitOperationDelete(path)], commit_message="less")
    assert len(repo.commits) == 1


@pytest.mark.parametrize("path", ["../a", "a/../../b", "/a", "a//b", "a\\b", ".git/config", "."])
def test_a_name_that_leaves_the_folder_is_refused(alice, hub, repo, path):
    """The client refuses most of these itself; so this asks without it."""
    lines = [
        {"key": "header", "value": {"summary": "out"}},
        {"key": "file", "value": {"path": path, "content": "", "encoding": "base64"}},
    ]
    answer = httpx.post(
        f"{hub.address}/api/models/{REPO}/commit/main",
        content="\n".join(map(json.dumps, lines)),
        headers=build_hf_headers(),
    )
    assert (answer.status_code, len(repo.commits)) == (400, 1)


def test_a_file_cannot_be_a_folder_too(alice, repo):
    with pytest.raises(BadRequestError, match="a is a file and a folder"):
        alice.create_commit(REPO, [add("a"), add("a/b")], commit_message="both")


def test_a_stale_parent_commit_is_refused_and_nothing_changes(alice, hub, repo):
    parent = repo.head().id
    theirs = hub.commit(REPO, {"theirs.txt": b"theirs"})
    with pytest.raises(HfHubHTTPError, match="A commit has happened since") as caught:
        alice.create_commit(REPO, [add("a.txt")], commit_message="a", parent_commit=parent)
    assert caught.value.response.status_code == 412
    assert repo.head().id == theirs
    alice.create_commit(REPO, [add("a.txt")], commit_message="a", parent_commit=theirs)
    assert set(hub.content(REPO)) == {"a.txt", "theirs.txt"}


def test_a_card_that_is_not_in_order_is_refused_before_and_in_a_commit(alice, hub, repo):
    card = add("README.md", b"---\nlicense: my-own\n---\n")
    with pytest.raises(ValueError, match="Invalid metadata in README.md"):
        alice.create_commit(REPO, [card], commit_message="card")
    alice._validate_yaml = lambda *_, **__: None
    with pytest.raises(BadRequestError, match="my-own"):
        alice.create_commit(REPO, [card], commit_message="card")
    assert len(repo.commits) == 1


def test_a_card_without_front_matter_is_warned_of(alice, repo):
    with pytest.warns(UserWarning, match="empty or missing yaml metadata"):
        alice.create_commit(REPO, [add("README.md", b"# no more")], commit_message="card")


def test_branches_begin_where_they_are_told_and_go_their_own_way(alice, hub, repo):
    alice.create_branch(REPO, branch="dev/new")
    with pytest.raises(HfHubHTTPError, match="already exists"):
        alice.create_branch(REPO, branch="dev/new")
    alice.create_branch(REPO, branch="dev/new", exist_ok=True)
    alice.create_commit(REPO, [add("dev.txt")], commit_message="dev", revision="dev/new")
    assert (set(hub.content(REPO)), set(hub.content(REPO, "dev/new"))) == (set(), {"dev.txt"})
    alice.delete_branch(REPO, branch="dev/new")
    assert list(repo.branches) == ["main"]


def test_a_commit_to_a_branch_that_does_not_exist_is_refused(alice, repo):
    with pytest.raises(RevisionNotFoundError):
        alice.create_commit(REPO, [add("a.txt")], commit_message="a", revision="no-branch")


def test_a_tag_stays_where_it_is(alice, hub, repo):
    alice.create_tag(REPO, tag="v1.0")
    first = repo.head().id
    alice.create_commit(REPO, [add("a.txt")], commit_message="a")
    with pytest.raises(HfHubHTTPError, match="exists already"):
        alice.create_tag(REPO, tag="v1.0")
    refs = alice.list_repo_refs(REPO)
    assert [(tag.name, tag.ref, tag.target_commit) for tag in refs.tags] == [
        ("v1.0", "refs/tags/v1.0", first)
    ]


def test_a_pull_request_leaves_the_branch_alone_until_it_is_merged(alice, hub, repo, folder):
    made = alice.upload_folder(
        repo_id=REPO, folder_path=folder, create_pr=True, commit_message="Better"
    )
    assert (made.pr_num, made.pr_revision) == (1, "refs/pr/1")
    assert made.pr_url == f"{hub.address}/{REPO}/discussions/1"
    assert hub.content(REPO) == {}
    assert hub.content(REPO, "refs/pr/1") == read_folder(folder)
    alice.create_commit(REPO, [add("b.txt")], commit_message="b", revision="refs/pr/1")
    assert alice.get_discussion_details(REPO, 1).title == "Better"
    alice.merge_pull_request(REPO, 1)
    assert hub.content(REPO) == {**read_folder(folder), "b.txt": b"text"}
    assert alice.get_discussion_details(REPO, 1).status == "merged"


def test_who_may_not_write_may_propose(hub, alice, repo):
    bob = HfApi(token=hub.accounts.token("bob"))
    with pytest.raises(HfHubHTTPError, match="create_pr=1"):
        bob.create_commit(REPO, [add("bob.txt")], commit_message="bob")
    made = bob.create_commit(REPO, [add("bob.bin", noise(999))], commit_message="b", create_pr=True)
    assert [pull.author for pull in bob.get_repo_discussions(REPO)] == ["bob"]
    assert list(hub.content(REPO, made.pr_revision)) == ["bob.bin"]


def test_a_pull_request_can_be_opened_before_its_changes(alice, hub, repo):
    opened = alice.create_pull_request(REPO, "Soon")
    alice.create_commit(REPO, [add("a.txt")], commit_message="a", revision=opened.git_reference)
    refs = alice.list_repo_refs(REPO, include_pull_requests=True)
    assert [ref.target_commit for ref in refs.pull_requests] == [repo.head("refs/pr/1").id]


def test_a_repository_is_moved_and_deleted(alice, hub, repo):
    alice.move_repo(REPO, "alice/other")
    assert list(hub.repositories) == ["alice/other"]
    alice.delete_repo("alice/other")
    assert hub.repositories == {}


def test_by_default_the_client_fails_where_there_is_no_xet(alice, hub, repo, folder, monkeypatch):
    allow_xet(monkeypatch)
    with pytest.raises(Exception, match="xet-write-token"):
        alice.create_commit(REPO, [add("m.safetensors", noise(1_000))], commit_message="xet")
    assert len(repo.commits) == 1


def test_through_xet_a_folder_arrives_and_comes_back(alice, hub, repo, folder, monkeypatch):
    allow_xet(monkeypatch)
    hub.xet = True
    alice.create_commit(
        REPO,
        [CommitOperationAdd(path, folder / path) for path in read_folder(folder)],
        commit_message="xet",
    )
    assert not hub.log.of("PUT")
    assert hub.content(REPO) == read_folder(folder)
    assert repo.head().files["model.safetensors"].xet
    hub.log.clear()
    assert read_folder(snapshot_path(REPO)) == read_folder(folder)
    assert not hub.log.of(host="storage")


def test_what_came_through_xet_is_there_for_clients_without(alice, hub, repo, monkeypatch):
    content = noise(200_000)
    with monkeypatch.context() as patch:
        allow_xet(patch)
        hub.xet = True
        alice.create_commit(REPO, [add("m.safetensors", content)], commit_message="xet")
    assert (snapshot_path(REPO) / "m.safetensors").read_bytes() == content
    assert [each.sent for each in hub.log.of("GET", "/lfs/*", "storage")] == [200_000]


def snapshot_path(repo, **options):
    return Path(snapshot_download(repo, **options))
