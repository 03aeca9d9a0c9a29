"""Pushing a small publishable model; what the library does with it is tested in tests/zoo/hub."""

import json
import shutil

import pytest

from tests.zoo.card.made_up import change_config
from zoo.manifest import write_manifest

REPO = "alice/shapes"


@pytest.fixture
def model(publishable, tmp_path):
    """A copy of it."""
    return shutil.copytree(publishable, tmp_path / "model")


@pytest.fixture
def alice(hub, monkeypatch):
    """Somebody who is logged in."""
    monkeypatch.setenv("HF_TOKEN", hub.accounts.token("alice"))


def test_push_says_where_the_model_is_and_what_was_sent(zoo, hub, alice, model):
    done = zoo("push", model, REPO, "--tag", "v1")
    assert done.code == 0, done.err
    (commit,) = [c for c in hub.repositories[REPO].commits if c in done.out]
    assert hub.repositories[REPO].tags["v1"] == commit
    assert f"zoo pull {REPO}@v1" in done.out
    assert "verification passed" in done.out
    assert hub.content(REPO)["README.md"].startswith(b"---\n")
    hub.assert_no_leak(done.out, done.err, hub.content(REPO)["README.md"].decode())


def test_pushing_the_same_again_says_that_nothing_changed(zoo, hub, alice, model):
    zoo("push", model, REPO)
    again = zoo("push", model, REPO)
    assert again.code == 0
    assert "nothing: the repository has all of it already" in again.out


def test_it_is_said_which_base_model_the_card_names(zoo, hub, alice, model):
    """It may be a private one."""
    assert "the card names" not in zoo("push", model, REPO, "--dry-run").err
    change_config(model, pretrained=True, base=["hf-hub:alice/secret@v1"])
    done = zoo("push", model, REPO, "--dry-run")
    assert "the card names alice/secret as what training began with" in done.err


def test_a_dry_run_lists_files_and_card_and_changes_nothing(zoo, hub, alice, model):
    done = zoo("push", model, REPO, "--dry-run")
    assert done.code == 0, done.err
    for name in ("model.safetensors", "onnx/model.onnx", "manifest.json", "README.md"):
        assert f"{name} " in done.out
    assert "# shapes" in done.out
    assert {e.method for e in hub.log} <= {"GET", "HEAD"}
    assert REPO not in hub.repositories


def test_a_dry_run_needs_neither_login_nor_network(zoo, hub, model, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    done = zoo("push", model, REPO, "--dry-run")
    assert done.code == 0, done.err
    assert "model.safetensors" in done.out
    assert "nobody is logged in" in done.err
    assert "HF_HUB_OFFLINE" in done.err
    assert not len(hub.log)


def test_a_dry_run_is_one_json_document(zoo, hub, alice, model):
    found = json.loads(zoo("push", model, REPO, "--dry-run", "--format", "json").out)
    assert found["dry_run"] is True
    assert found["verified"] is True
    assert found["card"].startswith("---\n")
    assert {file["name"] for file in found["files"] if file["sent"]} >= {"model.safetensors"}


def test_what_was_pushed_is_one_json_document(zoo, hub, alice, model):
    found = json.loads(zoo("push", model, REPO, "--format", "json").out)
    assert found["commit"] == hub.repositories[REPO].head("main").id
    assert found["pull_request"] is None
    assert found["removed"] == []


def test_an_unverified_model_is_refused_and_with_unverified_its_card_says_so(
    zoo, hub, alice, model
):
    report = json.loads((model / "onnx/verification.json").read_text())
    (model / "onnx/verification.json").write_text(json.dumps(report | {"verdict": "fail"}))
    write_manifest(model)
    refused = zoo("push", model, REPO)
    assert refused.code == 1
    assert "--unverified" in refused.err
    assert REPO not in hub.repositories
    done = zoo("push", model, REPO, "--unverified")
    assert done.code == 0, done.err
    assert "NOT VERIFIED" in done.out
    card = hub.content(REPO)["README.md"].decode().lower()
    assert "not verified" in card or "unverified" in card or "not proved" in card


def test_a_licence_that_is_none_is_refused(zoo, hub, alice, model):
    done = zoo("push", model, REPO, "--license", "mine")
    assert done.code == 1
    assert "no SPDX" in done.err
    assert not len(hub.log)


def test_nobody_is_let_in_without_a_login(zoo, hub, model):
    done = zoo("push", model, REPO)
    assert done.code == 1
    assert "hf auth login" in done.err


def test_a_revision_is_an_option(zoo, hub, alice, model):
    done = zoo("push", model, f"{REPO}@v1")
    assert done.code == 2
    assert "--revision" in done.err


def test_no_option_takes_a_token(zoo):
    assert "--token" not in zoo("push", "--help").out


def test_whoami_shows_the_account_and_never_its_token(zoo, hub, monkeypatch):
    hub.accounts.add("alice", acme="write", quiet="read")
    monkeypatch.setenv("HF_TOKEN", hub.accounts.token("alice"))
    shown = zoo("whoami")
    assert "alice" in shown.out
    assert "acme, quiet (reading only)" in shown.out
    found = json.loads(zoo("whoami", "--format", "json").out)
    assert found["name"] == "alice"
    assert found["endpoint"] == hub.address
    hub.assert_no_leak(shown.out, shown.err, json.dumps(found))
