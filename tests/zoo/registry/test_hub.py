import json
from traceback import format_exception

import pytest

from tests.hub.faults import DropAnswer, Refuse
from zoo.errors import BrokenRegistryError, RegistryError
from zoo.registry import Lock, load_registry
from zoo.registry.hub import fetch_registry
from zoo.storage import sha256_of_bytes

REPO = "org/zoo"


def registry(note: str) -> bytes:
    """A registry that can be told from another by a note."""
    return json.dumps({"version": 1, "changes": {"resnet18": {"notes": note}}}).encode()


@pytest.fixture
def lock(tmp_path):
    return Lock(tmp_path / "zoo.lock")


@pytest.fixture
def forget(tmp_path_factory, monkeypatch):
    """Empty the cache, as on another machine."""

    def start_over():
        place = tmp_path_factory.mktemp("empty")
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(place))

    return start_over


@pytest.mark.parametrize("pinned", [False, True])
def test_a_registry_is_fetched_and_says_which_commit_it_came_from(hub, lock, pinned):
    commit = hub.commit(REPO, {"registry.json": registry("theirs")})
    name = f"hub:{REPO}@{commit}" if pinned else f"hub:{REPO}"
    catalogue = load_registry([name], lock=lock)
    assert catalogue.backbone("resnet18").notes == "theirs"
    assert catalogue.origin_of("resnet18", "notes") == f"hub:{REPO}@{commit[:12]}"
    assert catalogue.origin_of("resnet18", "name") == "built-in"


def test_without_a_revision_the_newest_state_is_taken_and_nothing_is_locked(hub, lock):
    hub.commit(REPO, {"registry.json": registry("first")})
    load_registry([f"hub:{REPO}"], lock=lock)
    hub.commit(REPO, {"registry.json": registry("second")})
    catalogue = load_registry([f"hub:{REPO}"], lock=lock)
    assert catalogue.backbone("resnet18").notes == "second"
    assert not lock.path.exists()


@pytest.mark.parametrize("revision", ["v1", "refs/pr/1"])
def test_a_named_revision_is_taken_and_its_commit_recorded(hub, lock, revision):
    commit = hub.commit(REPO, {"registry.json": registry("then")})
    hub.tag(REPO, revision, commit)
    hub.commit(REPO, {"registry.json": registry("now")})
    path, found = fetch_registry(REPO, revision, lock)
    assert path.read_bytes() == registry("then")
    assert found == commit
    known = lock.get(f"hub:{REPO}@{revision}/registry.json")
    assert known.revision == commit
    assert known.sha256 == sha256_of_bytes(registry("then"))


def test_a_tag_that_was_moved_is_refused(hub, lock):
    hub.tag(REPO, "v1", hub.commit(REPO, {"registry.json": registry("then")}))
    load_registry([f"hub:{REPO}@v1"], lock=lock)
    moved = hub.commit(REPO, {"registry.json": registry("now")})
    hub.tag(REPO, "v1", moved)
    with pytest.raises(RegistryError, match=f"hub:{REPO}@v1 has been changed") as caught:
        load_registry([f"hub:{REPO}@v1"], lock=lock)
    then, now = (sha256_of_bytes(registry(note))[:16] for note in ("then", "now"))
    assert all(fact in caught.value.problem for fact in (then, now, moved[:12]))
    assert str(lock.path) in caught.value.hint


def test_a_tag_that_moved_to_the_same_registry_is_fine(hub, lock):
    content = {"registry.json": registry("same")}
    hub.tag(REPO, "v1", hub.commit(REPO, content))
    fetch_registry(REPO, "v1", lock)
    hub.tag(REPO, "v1", hub.commit(REPO, {"README.md": b"more"}))
    assert fetch_registry(REPO, "v1", lock)[0].read_bytes() == content["registry.json"]


def test_a_commit_that_holds_something_else_now_is_refused(hub, lock, forget):
    """A commit cannot change on an honest server; this one answers it with another file."""
    commit = hub.commit(REPO, {"registry.json": registry("then")})
    fetch_registry(REPO, commit, lock)
    hub.forge(REPO, commit, "registry.json", registry("forged"))
    forget()
    with pytest.raises(RegistryError, match="has been changed"):
        fetch_registry(REPO, commit, lock)


def test_a_commit_that_is_in_the_cache_needs_no_network(hub, lock):
    commit = hub.commit(REPO, {"registry.json": registry("theirs")})
    first = fetch_registry(REPO, commit, lock)
    hub.stop()
    assert fetch_registry(REPO, commit, lock) == first


@pytest.mark.parametrize("revision", [None, "v1"])
def test_without_a_network_what_was_fetched_last_is_used(hub, lock, revision):
    hub.tag(REPO, "v1", hub.commit(REPO, {"registry.json": registry("theirs")}))
    first = fetch_registry(REPO, revision, lock)
    hub.stop()
    assert fetch_registry(REPO, revision, lock) == first


def test_a_repository_without_a_registry_says_so(hub, lock):
    hub.commit(REPO, {"README.md": b""})
    with pytest.raises(RegistryError, match=f"hub:{REPO} holds no registry.json"):
        fetch_registry(REPO, None, lock)


def test_a_revision_that_does_not_exist_is_an_error_that_names_it(hub, lock):
    hub.commit(REPO, {"registry.json": registry("theirs")})
    with pytest.raises(RegistryError, match=f"cannot fetch the registry hub:{REPO}@v9") as caught:
        fetch_registry(REPO, "v9", lock)
    assert "Revision Not Found" in caught.value.problem


def test_a_repository_that_does_not_exist_hints_at_its_name_and_at_logging_in(hub, lock):
    with pytest.raises(RegistryError, match="cannot fetch the registry hub:org/none") as caught:
        fetch_registry("org/none", None, lock)
    assert "Repository Not Found" in caught.value.problem
    assert "hf auth login" in caught.value.hint


def test_a_hub_that_cannot_be_reached_is_not_mistaken_for_an_empty_repository(hub, lock):
    hub.stop()
    with pytest.raises(RegistryError, match=f"cannot fetch the registry hub:{REPO}"):
        fetch_registry(REPO, None, lock)


def test_offline_mode_is_not_mistaken_for_an_empty_repository(hub, lock, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(RegistryError, match=f"cannot fetch the registry hub:{REPO}"):
        fetch_registry(REPO, None, lock)
    assert not len(hub.log)


def test_a_hub_that_is_down_is_an_error_with_advice(hub, lock):
    hub.commit(REPO, {"registry.json": registry("theirs")})
    hub.faults.on("*", "*", Refuse(status=503), times=None)
    with pytest.raises(RegistryError, match="cannot fetch the registry"):
        fetch_registry(REPO, None, lock)


@pytest.mark.parametrize("reset", [False, True])
def test_a_connection_that_keeps_breaking_is_an_error_with_advice(hub, lock, reset):
    hub.commit(REPO, {"registry.json": registry("theirs")})
    hub.faults.on("GET", "*", DropAnswer(reset=reset), times=10)
    with pytest.raises(RegistryError, match="cannot fetch the registry") as caught:
        fetch_registry(REPO, None, lock)
    assert "check the name, the network" in caught.value.hint


def test_a_connection_that_breaks_once_is_tried_again(hub, lock):
    hub.commit(REPO, {"registry.json": registry("theirs")})
    hub.faults.on("GET", "*", DropAnswer(after_bytes=10, reset=False))
    path, _ = fetch_registry(REPO, None, lock)
    assert path.read_bytes() == registry("theirs")
    assert len(hub.log.of("GET")) == 2


@pytest.mark.parametrize("name", ["hub:foo", "hub:", "hub:a/b/c", "hub:a/b@", "hub:a b/c"])
def test_a_name_that_cannot_be_one_is_refused_before_anything_is_asked(hub, lock, name):
    with pytest.raises(RegistryError, match="does not name a registry on the Hub") as caught:
        load_registry([name], lock=lock)
    assert "hub:org/name@revision" in caught.value.hint
    assert not len(hub.log)


def test_a_name_that_the_hub_does_not_allow_is_an_error_with_advice(hub, lock):
    with pytest.raises(RegistryError, match="cannot fetch the registry"):
        load_registry(["hub:org/--name"], lock=lock)


def test_what_is_not_json_is_an_error_that_names_repository_and_commit(hub, lock):
    commit = hub.commit(REPO, {"registry.json": b"<html>"})
    with pytest.raises(RegistryError, match=f"hub:{REPO}@{commit[:12]} is not JSON"):
        load_registry([f"hub:{REPO}"], lock=lock)


def test_every_mistake_in_a_registry_is_listed(hub, lock):
    hub.commit(REPO, {"registry.json": b'{"version": 1, "backbones": [{"name": "x"}], "no": 1}'})
    with pytest.raises(BrokenRegistryError, match=f"hub:{REPO}@") as caught:
        load_registry([f"hub:{REPO}"], lock=lock)
    assert "$.no: unknown key" in caught.value.mistakes
    assert "$.backbones[0].weights (x): is missing" in caught.value.mistakes


@pytest.mark.parametrize("status", [400, 403, 500])
@pytest.mark.parametrize("code", [None, "EntryNotFound"])
def test_a_token_that_the_server_echoes_is_not_shown(hub, lock, monkeypatch, status, code):
    monkeypatch.setenv("HF_TOKEN", token := hub.accounts.token("alice"))
    hub.commit(REPO, {"registry.json": registry("theirs")})
    refusal = Refuse(status=status, message=f"token {token} is odd", code=code)
    hub.faults.on("*", "*/resolve/*", refusal, times=None)
    with pytest.raises(RegistryError) as caught:
        fetch_registry(REPO, None, lock)
    assert token not in "".join(format_exception(caught.value))
    assert caught.value.hint
