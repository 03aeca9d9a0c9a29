"""The official client looks at repositories and brings files back."""

import hashlib
from pathlib import Path

import pytest
from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url, snapshot_download
from huggingface_hub.errors import (
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from tests.hub.conftest import CARD, noise, read_folder
from tests.hub.git import object_id, tree_ids
from tests.hub.httpx import httpx

REPO = "alice/model"
WEIGHTS = noise(300_000)
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()


@pytest.fixture
def filled(hub):
    hub.commit(
        REPO,
        {
            "README.md": CARD.replace("mit\n", "mit\ntags:\n- timm\n").encode(),
            "a/b/c.txt": b"deep",
            "a/d.txt": b"less deep",
            "model.safetensors": WEIGHTS,
        },
        title="fill",
    )
    return hub.repositories[REPO]


def test_facts_of_a_repository_are_those_of_its_card_and_commit(alice, filled):
    info = alice.model_info(REPO)
    assert (info.id, info.author, info.sha) == (REPO, "alice", filled.head().id)
    assert info.card_data.license == "mit"
    assert info.tags == ["timm", "license:mit"]
    assert (info.private, info.gated, info.disabled) == (False, False, False)


def test_facts_of_files_are_told_when_asked_for(alice, filled):
    plain = {each.rfilename: each for each in alice.model_info(REPO).siblings}
    assert plain["model.safetensors"].size is None
    files = {each.rfilename: each for each in alice.model_info(REPO, files_metadata=True).siblings}
    assert files["a/d.txt"].blob_id == object_id("blob", b"less deep")
    assert files["model.safetensors"].lfs.sha256 == SHA256
    assert files["model.safetensors"].size == len(WEIGHTS)


@pytest.mark.parametrize("page_size", [1, 2, 1000])
def test_a_tree_comes_in_pages(alice, hub, filled, page_size):
    hub.page_size = page_size
    paths = [each.path for each in alice.list_repo_tree(REPO, recursive=True)]
    files = [".gitattributes", "README.md", "a", "a/b", "a/b/c.txt", "a/d.txt"]
    assert paths == [*files, "model.safetensors"]
    assert len(hub.log.of("GET", "*/tree/*")) == -(-7 // page_size)


def test_a_folder_of_a_tree_is_listed_with_its_last_commits(alice, hub, filled):
    newest = hub.commit(REPO, {"a/d.txt": b"newer"}, title="newer")
    folder, file = alice.list_repo_tree(REPO, "a", expand=True)
    assert (folder.path, folder.last_commit.title) == ("a/b", "fill")
    assert (file.path, file.last_commit.oid) == ("a/d.txt", newest)


def test_some_paths_are_described_and_missing_ones_left_out(alice, filled):
    found = alice.get_paths_info(REPO, ["a", "model.safetensors", "none"])
    assert [each.path for each in found] == ["a", "model.safetensors"]
    assert found[1].lfs.sha256 == SHA256


def test_history_and_references_are_listed(alice, hub, filled):
    hub.tag(REPO, "v1", filled.head().id)
    hub.tag(REPO, "refs/pr/1", filled.head().id)
    assert [each.title for each in alice.list_repo_commits(REPO)] == ["fill", "initial commit"]
    refs = alice.list_repo_refs(REPO, include_pull_requests=True)
    assert [ref.name for ref in (*refs.branches, *refs.tags)] == ["main", "v1"]
    assert [ref.ref for ref in refs.pull_requests] == ["refs/pr/1"]


def test_models_are_listed_by_author_and_private_ones_to_their_owners(alice, hub, filled):
    hub.create("alice/secret", private=True)
    hub.create("bob/other")
    assert [each.id for each in alice.list_models(author="alice")] == [REPO, "alice/secret"]
    anybody = alice.list_models(author="alice", token=False)
    assert [each.id for each in anybody] == [REPO]


@pytest.mark.parametrize("resolve_cache", [False, True])
def test_a_snapshot_is_the_repository(hub, filled, resolve_cache):
    hub.resolve_cache = resolve_cache
    assert read_folder(Path(snapshot_download(REPO))) == hub.content(REPO)


def test_a_snapshot_of_a_revision_is_what_it_was_then(hub, filled, tmp_path):
    hub.tag(REPO, "v1", filled.head().id)
    then = hub.content(REPO)
    hub.commit(REPO, {"a/d.txt": b"newer", "model.safetensors": None})
    found = snapshot_download(REPO, revision="v1", local_dir=tmp_path / "v1")
    assert read_folder(Path(found)) == then


def test_a_large_file_is_a_redirect_to_another_host_without_the_token(alice, hub, filled):
    facts = get_hf_file_metadata(hf_hub_url(REPO, "model.safetensors"))
    assert facts.location.startswith(f"{hub.storage.address}/lfs/")
    assert (facts.etag, facts.size, facts.commit_hash) == (SHA256, len(WEIGHTS), filled.head().id)
    assert Path(hf_hub_download(REPO, "model.safetensors")).read_bytes() == WEIGHTS
    assert {each.user for each in hub.log.of(host="hub")} == {"alice"}
    assert {each.user for each in hub.log.of(host="storage")} == {None}
    hub.assert_no_leak()


def test_the_storage_refuses_tokens_and_addresses_that_are_not_signed(hub, filled):
    signed = get_hf_file_metadata(hf_hub_url(REPO, "model.safetensors")).location
    token = hub.accounts.token("alice")
    assert httpx.get(signed).content == WEIGHTS
    assert httpx.get(signed.partition("?")[0]).status_code == 403
    assert httpx.get(signed, headers={"Authorization": f"Bearer {token}"}).status_code == 400
    with pytest.raises(AssertionError, match="an Authorization for GET storage"):
        hub.assert_no_leak()


@pytest.mark.parametrize(
    ("wanted", "status", "content"),
    [
        ("bytes=5-", 206, WEIGHTS[5:]),
        ("bytes=5-9", 206, WEIGHTS[5:10]),
        ("bytes=-7", 206, WEIGHTS[-7:]),
        ("bytes=299999-400000", 206, WEIGHTS[-1:]),
        ("bytes=300000-", 416, b""),
        ("bytes=0-1,4-5", 200, WEIGHTS),
        ("lines=1-2", 200, WEIGHTS),
    ],
)
def test_a_part_of_a_file_is_sent_where_one_is_asked_for(hub, filled, wanted, status, content):
    url = get_hf_file_metadata(hf_hub_url(REPO, "model.safetensors")).location
    answer = httpx.get(url, headers={"Range": wanted})
    assert (answer.status_code, answer.content) == (status, content)


def test_a_commit_can_be_forged(hub, filled):
    commit = filled.head().id
    hub.forge(REPO, commit, "a/d.txt", b"forged")
    hub.forge(REPO, commit, "README.md", None)
    found = Path(snapshot_download(REPO, revision=commit))
    assert (found / "a/d.txt").read_bytes() == b"forged"
    assert not (found / "README.md").exists()


def test_names_are_those_that_git_gives(hub, filled):
    assert object_id("blob", b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"
    empty = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
    assert tree_ids({"a/x": empty, "a.txt": empty, "b": empty}) == {
        "": "c1569161011149a620f02dee51df822a79efc959",
        "a": "5805b676e247eb9a8046ad0c4d249cd2fb2513df",
    }


@pytest.mark.parametrize(
    ("error", "options"),
    [
        (RepositoryNotFoundError, {"repo_id": "alice/none"}),
        (RevisionNotFoundError, {"revision": "none"}),
        (RevisionNotFoundError, {"revision": "0" * 40}),
        (RemoteEntryNotFoundError, {"filename": "none.txt"}),
    ],
)
def test_what_is_not_there_is_the_clients_own_error(alice, filled, error, options):
    with pytest.raises(error):
        hf_hub_download(**{"repo_id": REPO, "filename": "README.md", **options})


def test_an_address_that_the_hub_does_not_have_is_not_found(hub):
    assert httpx.get(f"{hub.address}/api/agent-harnesses").status_code == 404
    assert not len(hub.log)
