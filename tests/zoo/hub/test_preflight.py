from types import SimpleNamespace

import pytest

from tests.hub.faults import Refuse
from tests.zoo.hub.conftest import config
from zoo.errors import HubAccessError, HubError, PushError, StorageError
from zoo.hub.client import make_api
from zoo.hub.preflight import (
    Account,
    require_license,
    require_permission,
    require_space,
    who_am_i,
)

ALICE = Account(
    name="alice",
    organizations=("acme", "quiet"),
    readonly_organizations=("quiet",),
    token_role="write",
)


def test_the_hub_says_who_one_is_and_where_one_may_write(hub, monkeypatch):
    hub.accounts.add("alice", acme="write", quiet="read")
    monkeypatch.setenv("HF_TOKEN", hub.accounts.token("alice"))
    assert who_am_i(make_api()) == ALICE


def test_without_a_token_nobody_is_asked(hub):
    with pytest.raises(HubAccessError, match="nobody is logged in") as caught:
        who_am_i(make_api())
    assert "hf auth login" in caught.value.hint
    assert not hub.log.of("GET", "/api/whoami-v2")


def test_an_expired_token_is_told_and_not_shown(hub, alice):
    hub.accounts.expire("alice")
    with pytest.raises(HubAccessError, match="expired") as caught:
        who_am_i(make_api())
    hub.assert_no_leak(str(caught.value))


def test_a_busy_hub_is_asked_again(hub, alice):
    hub.faults.on("GET", "/api/whoami-v2", Refuse(status=429, retry_after_s=3))
    assert who_am_i(make_api()).name == "alice"
    assert hub.waits == [3]


@pytest.mark.parametrize(
    "answer",
    [
        *([], None, "alice", 5, {}, {"name": "alice", "auth": "x"}),
        *({"name": "alice", "auth": {"accessToken": "x"}}, {"name": "alice", "orgs": 5}),
        *({"name": "alice", "orgs": ["acme"]}, {"name": "alice", "orgs": [{}]}),
    ],
)
def test_an_odd_answer_is_told_with_what_to_check(answer):
    with pytest.raises(HubError, match="does not say who this is") as caught:
        who_am_i(SimpleNamespace(whoami=lambda: answer))
    assert "HF_ENDPOINT" in caught.value.hint


def test_an_unreachable_hub_is_told(hub, alice):
    hub.stop()
    with pytest.raises(HubError, match="cannot ask the Hub") as caught:
        who_am_i(make_api())
    assert "HF_ENDPOINT" in caught.value.hint


@pytest.mark.parametrize("repo", ["alice/x", "acme/x"])
def test_one_may_write_to_one_s_own_and_to_one_s_organisations(repo):
    require_permission(ALICE, repo)


@pytest.mark.parametrize(
    ("account", "repo", "words"),
    [
        (ALICE, "quiet/x", "may only read in quiet"),
        (ALICE, "bob/x", "may not write to bob"),
    ],
)
def test_elsewhere_one_may_not(account, repo, words):
    with pytest.raises(HubAccessError, match=words):
        require_permission(account, repo)


def test_a_token_for_reading_writes_nothing(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", hub.accounts.token("alice", role="read"))
    with pytest.raises(HubAccessError, match="for reading only"):
        require_permission(who_am_i(make_api()), "alice/x")


@pytest.mark.parametrize(
    ("weights", "granted"),
    [
        ({"license": "apache-2.0"}, "mit"),
        ({"license": "apache-2.0"}, "other"),
        ({"license": "cc-by-nc-4.0"}, None),
        ({"license": "CC-BY-NC-4.0"}, "cc-by-nc-4.0"),
        ({"license": "gpl-3.0-only"}, "GPL-3.0-only"),
        ({"license": "cc-by-nc-4.0", "pretrained": False}, "mit"),
        ({"license": ""}, "mit"),
    ],
)
def test_what_the_weights_allow_may_be_granted(folder, change, weights, granted):
    change("zoo_config.json", config(**weights))
    require_license(folder, granted)


@pytest.mark.parametrize(
    ("weights", "granted", "words"),
    [
        ({"license": "cc-by-nc-4.0"}, "mit", r"cc-by-nc-4\.0 \(non-commercial\)"),
        ({"license": "cc-by-nc-4.0"}, "apache-2.0", "non-commercial"),
        ({"license": "gpl-3.0-only"}, "mit", "copyleft"),
        ({"license": "other", "commercial_use": False}, "mit", "non-commercial"),
        ({"license": "other"}, "apache-2.0", "custom"),
        ({"license": "apache-2.0"}, "mine", "no SPDX"),
    ],
)
def test_what_the_weights_forbid_is_not_granted(folder, change, weights, granted, words):
    change("zoo_config.json", config(**weights))
    with pytest.raises(PushError, match=words):
        require_license(folder, granted)


def test_a_full_disk_is_told_before_anything_is_fetched(tmp_path):
    require_space(tmp_path / "not/yet", 1)
    with pytest.raises(StorageError, match="No space left on device"):
        require_space(tmp_path / "not/yet", 1 << 60)
