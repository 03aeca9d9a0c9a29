"""Who may see, read and change what, and which of the client's errors says so."""

import pytest
from huggingface_hub import CommitOperationAdd, HfApi, hf_hub_download
from huggingface_hub.errors import (
    DisabledRepoError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
)

from tests.hub.client import allow_xet
from tests.hub.conftest import noise

REPO = "alice/model"


@pytest.fixture
def hub(hub):
    hub.commit(REPO, {"config.json": b"{}", "model.safetensors": noise(1_000)})
    return hub


@pytest.fixture
def client(hub):
    """Make a client for a user, who may be in organisations; None is nobody."""

    def make(user, role="write", *places, **orgs):
        if user is None:
            return HfApi(token=False)
        if user not in hub.accounts.users:
            hub.accounts.add(user, **orgs)
        return HfApi(token=hub.accounts.token(user, role, *places))

    return make


def change(client, repo=REPO, **options):
    added = CommitOperationAdd("a.txt", b"a")
    return client.create_commit(repo, [added], commit_message="a", **options)


def read(client, repo=REPO, file="config.json"):
    return client.hf_hub_download(repo, file)


@pytest.mark.parametrize(("user", "status"), [(None, 401), ("bob", 404)])
def test_a_private_repository_is_as_if_it_were_not_there(hub, client, user, status):
    hub.repositories[REPO].private = True
    for repo in (REPO, "alice/none"):
        with pytest.raises(RepositoryNotFoundError) as caught:
            client(user).model_info(repo)
        assert caught.value.response.status_code == status
        with pytest.raises(RepositoryNotFoundError):
            read(client(user), repo)


def test_a_private_repository_is_there_for_its_owner_and_members(hub, client):
    hub.create("acme/secret", private=True)
    hub.repositories[REPO].private = True
    assert client("alice", "read").model_info(REPO).private
    assert client("bob", "read", acme="read").model_info("acme/secret").private


def test_a_gated_repository_can_be_seen_but_not_read(hub, client):
    client("alice").update_repo_settings(REPO, gated="manual")
    assert client(None).model_info(REPO).gated == "manual"
    assert "config.json" in client(None).list_repo_files(REPO)
    for user, status in ((None, 401), ("bob", 403)):
        with pytest.raises(GatedRepoError, match="Access to model alice/model is") as caught:
            read(client(user), file="model.safetensors")
        assert caught.value.response.status_code == status


def test_who_was_accepted_reads_a_gated_repository(hub, client):
    hub.repositories[REPO].gated = "auto"
    hub.repositories[REPO].accepted.add("bob")
    assert read(client("bob"))
    assert read(client("alice"))


def test_a_disabled_repository_is_its_own_error(hub, client):
    hub.repositories[REPO].disabled = True
    with pytest.raises(DisabledRepoError):
        client("alice").model_info(REPO)


def test_nobody_changes_anything_without_a_token(hub, client):
    with pytest.raises(HfHubHTTPError) as caught:
        change(client(None))
    assert caught.value.response.status_code == 401
    with pytest.raises(HfHubHTTPError):
        client(None).create_repo("alice/other")


def test_a_token_to_read_with_changes_nothing(hub, client):
    reader = client("alice", "read")
    with pytest.raises(HfHubHTTPError, match="403 Forbidden"):
        change(reader)
    with pytest.raises(HfHubHTTPError, match="403 Forbidden"):
        change(reader, create_pr=True)
    with pytest.raises(HfHubHTTPError, match='under the namespace "alice"'):
        reader.create_repo("alice/other")


@pytest.mark.parametrize(("role", "allowed"), [("read", False), ("write", True), ("admin", True)])
def test_members_change_what_their_role_allows(hub, client, role, allowed):
    hub.create("acme/model")
    bob = client("bob", acme=role)
    if allowed:
        change(bob, "acme/model")
        bob.create_repo("acme/other")
    else:
        with pytest.raises(HfHubHTTPError, match="403 Forbidden"):
            change(bob, "acme/model")
        with pytest.raises(HfHubHTTPError, match="403 Forbidden"):
            bob.create_repo("acme/other")


def test_a_fine_grained_token_changes_what_it_names(hub, client):
    hub.create("alice/other")
    narrow = client("alice", "fineGrained", REPO)
    change(narrow)
    with pytest.raises(HfHubHTTPError, match="403 Forbidden"):
        change(narrow, "alice/other")
    said = narrow.whoami()["auth"]["accessToken"]
    assert said["role"] == "fineGrained"
    assert [each["entity"]["name"] for each in said["fineGrained"]["scoped"]] == [REPO]


@pytest.mark.parametrize("made_up", [True, False])
def test_a_token_that_is_not_valid_is_refused_even_where_none_is_needed(hub, client, made_up):
    token = "hf_made_up" if made_up else hub.accounts.token("alice")
    hub.accounts.expire("alice")
    for ask in (HfApi(token=token).whoami, lambda: read(HfApi(token=token))):
        with pytest.raises((HfHubHTTPError, OSError)):
            ask()
    assert {each.status for each in hub.log} == {401}
    assert {each.user for each in hub.log} == {"?" if made_up else "alice"}


@pytest.mark.parametrize(("private", "kind"), [(True, "Private"), (False, "Public")])
def test_more_than_a_namespace_may_have_is_refused_before_it_is_sent(hub, client, private, kind):
    hub.repositories[REPO].private = private
    hub.accounts.limits["alice"] = 2_000
    alice = client("alice")
    fits = CommitOperationAdd("a.bin", noise(1_000, seed=1))
    alice.create_commit(REPO, [fits], commit_message="a")
    more = CommitOperationAdd("b.bin", noise(1, seed=2) + b"\0")
    with pytest.raises(HfHubHTTPError, match=f"{kind} repository storage limit reached"):
        alice.create_commit(REPO, [more], commit_message="b")
    assert len(hub.log.of("PUT")) == 1


def test_the_limit_counts_for_xet_as_well(hub, client, monkeypatch):
    allow_xet(monkeypatch)
    hub.xet = True
    hub.accounts.limits["alice"] = 10
    with pytest.raises(Exception, match=r"storage limit reached|403"):
        client("alice").create_commit(
            REPO, [CommitOperationAdd("b.bin", noise(1_000, seed=2))], commit_message="b"
        )
    assert "b.bin" not in hub.content(REPO)


def test_the_token_of_the_environment_is_the_one_that_is_used(hub, monkeypatch):
    hub.repositories[REPO].private = True
    monkeypatch.setenv("HF_TOKEN", hub.accounts.token("alice"))
    assert hf_hub_download(REPO, "config.json")
