"""The log says who asked for what, and nobody's secrets."""

import pytest
from huggingface_hub import hf_hub_download

from tests.hub.httpx import httpx
from tests.hub.server import HubServer

REPO = "alice/model"


@pytest.fixture
def token(hub):
    hub.commit(REPO, {"model.safetensors": b"0123456789"})
    return hub.accounts.token("alice")


def test_an_exchange_is_told_with_user_address_bytes_and_status(hub, token):
    hf_hub_download(REPO, "model.safetensors", token=token)
    head, get = hub.log
    assert (head.host, head.method, head.user, head.status) == ("hub", "HEAD", "alice", 302)
    assert head.path == f"/{REPO}/resolve/main/model.safetensors"
    assert (get.host, get.method, get.user, get.status) == ("storage", "GET", None, 200)
    assert (get.received, get.sent) == (0, 10)


def test_neither_tokens_nor_signatures_are_in_the_log(hub, token):
    hf_hub_download(REPO, "model.safetensors", token=token)
    assert hub.log.exchanges[0].headers["authorization"] == "Bearer …"
    assert hub.log.exchanges[1].query == {"signature": "…"}
    assert token not in repr(hub.log.exchanges)


def test_exchanges_are_selected_by_method_path_and_host(hub, token):
    hf_hub_download(REPO, "model.safetensors")
    assert len(hub.log.of()) == len(hub.log) == 2
    assert [each.host for each in hub.log.of("GET")] == ["storage"]
    assert [each.method for each in hub.log.of(path="*/resolve/*")] == ["HEAD"]


@pytest.mark.parametrize("place", ["path", "query", "header", "storage"])
def test_a_token_where_none_belongs_is_a_leak(hub, token, place):
    host = hub.storage.address if place == "storage" else hub.address
    path = {"path": f"/{token}", "query": f"/?q={token}"}.get(place, "/")
    headers = {"header": {"X-Cookie": token}, "storage": {"Authorization": "Basic x"}}
    httpx.get(host + path, headers=headers.get(place, {}))
    hub.log.clear()
    with pytest.raises(AssertionError):
        hub.assert_no_leak()


def test_a_token_in_a_text_is_a_leak(hub, token):
    hub.assert_no_leak("hf_somebody_elses")
    with pytest.raises(AssertionError, match="a token stands in a text"):
        hub.assert_no_leak("all is well", f"401 for {token}")


def test_a_token_in_a_file_is_a_leak(hub, token):
    hub.commit(REPO, {"run.json": f'{{"environment": "{token}"}}'.encode()})
    hub.commit(REPO, {"run.json": None})
    with pytest.raises(AssertionError, match="run.json"):
        hub.assert_no_leak()


def test_a_mistake_of_the_server_itself_is_not_kept_silent():
    hub = HubServer().__enter__()
    answer = httpx.post(f"{hub.address}/api/validate-yaml", json={})
    assert answer.status_code == 500
    with pytest.raises(AssertionError, match="KeyError"):
        hub.__exit__()
