import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from zoo.registry import Weights, to_data
from zoo.storage import sha256_of_bytes

CONTENT = b"some weights"
DIGEST = sha256_of_bytes(CONTENT)


@pytest.fixture
def registry(backbone, tmp_path):
    """Write a registry of weights by name; they need not fit their network."""

    def write(**weights: Weights) -> Path:
        entries = [
            to_data(replace(backbone, name=name, weights=facts)) for name, facts in weights.items()
        ]
        path = tmp_path / "registry.json"
        path.write_text(json.dumps({"version": 1, "backbones": entries}))
        return path

    return write


@pytest.fixture
def by_url(web, torch_home):
    """Weights at an address, by the name of their file."""

    def weights(file: str, *, there: bool = True) -> Weights:
        if there:
            web.files[f"/{file}"] = CONTENT
        return Weights(
            source="url",
            location=f"{web.address}/{file}",
            file=file,
            sha256=DIGEST,
            license="mit",
        )

    return weights


@pytest.fixture
def by_hub(hub):
    """Weights in a repository, of which nothing is known beforehand."""
    hub.commit("org/model", {"w.safetensors": CONTENT})
    return Weights(source="hub", location="org/model", file="w.safetensors", license="mit")


def test_the_table_says_what_each_file_is_and_where_it_lies(zoo, registry, by_url, torch_home):
    overlay = registry(one=by_url("1.pth"), two=by_url("2.pth"))
    outcome = zoo("fetch", "one", "two", "--registry", overlay)
    assert outcome.code == 0
    header, *rows = [line.split() for line in outcome.out.splitlines()]
    assert header == ["backbone", "MB", "sha256", "file"]
    assert rows == [
        ["one", "0.0", DIGEST, str(torch_home / f"{DIGEST[:16]}-1.pth")],
        ["two", "0.0", DIGEST, str(torch_home / f"{DIGEST[:16]}-2.pth")],
    ]


def test_json_has_every_fact_of_the_file(zoo, registry, hub, by_hub):
    overlay = registry(mine=by_hub)
    (entry,) = json.loads(zoo("fetch", "mine", "--registry", overlay, "--format", "json").out)
    assert Path(entry.pop("path")).read_bytes() == CONTENT
    assert entry == {
        "backbone": "mine",
        "bytes": len(CONTENT),
        "sha256": DIGEST,
        "revision": hub.repositories["org/model"].branches["main"],
        "newly_locked": True,
    }


def test_a_first_meeting_is_announced_and_a_second_is_not(zoo, registry, by_hub, user_folder):
    overlay = registry(mine=by_hub)
    first = zoo("fetch", "mine", "--registry", overlay)
    assert "fetching mine" in first.err
    assert f"mine: sha256 recorded in {user_folder / 'zoo.lock'}" in first.err
    second = zoo("fetch", "mine", "--registry", overlay)
    assert second.out == first.out
    assert second.err == ""


def test_weights_that_come_with_a_package_are_here_already(zoo):
    outcome = zoo("fetch", "efficientnet_lite0")
    assert outcome.code == 0
    assert outcome.err == ""
    assert "efficientnet-lite0-57934424.pth" in outcome.out


@pytest.mark.parametrize("fmt", ["table", "json"])
def test_one_that_fails_does_not_keep_the_others_back(zoo, registry, by_url, web, fmt):
    overlay = registry(
        one=by_url("1.pth"), gone=by_url("gone.pth", there=False), two=by_url("2.pth")
    )
    outcome = zoo("fetch", "one", "gone", "two", "--registry", overlay, "--format", fmt)
    assert outcome.code == 1
    assert f"gone: cannot fetch the weights from {web.address}/gone.pth" in outcome.err
    assert "error: 1 of 3 not fetched" in outcome.err
    assert "hint: check the connection to" in outcome.err
    if fmt == "json":
        done = [entry["backbone"] for entry in json.loads(outcome.out)]
    else:
        done = [line.split()[0] for line in outcome.out.splitlines()[1:]]
    assert done == ["one", "two"]


def test_where_all_fail_nothing_is_printed(zoo, registry, by_url):
    overlay = registry(gone=by_url("gone.pth", there=False))
    outcome = zoo("fetch", "gone", "--registry", overlay)
    assert outcome.code == 1
    assert outcome.out == ""


def test_random_weights_need_not_be_fetched(zoo, registry):
    overlay = registry(fresh=Weights(source="none"))
    outcome = zoo("fetch", "fresh", "--registry", overlay)
    assert outcome.code == 0
    assert outcome.out == ""
    assert "fresh has random weights; there is nothing to fetch" in outcome.err
    assert json.loads(zoo("fetch", "fresh", "--registry", overlay, "--format", "json").out) == []


def test_an_unknown_name_does_not_stop_the_others(zoo, registry, by_url, web):
    overlay = registry(known=by_url("1.pth"))
    outcome = zoo("fetch", "knwon", "known", "resnet5", "--registry", overlay)
    assert outcome.code == 1
    assert "did you mean 'known'?" in outcome.err
    assert "did you mean 'resnet50'?" in outcome.err
    assert [request.target for request in web.requests] == ["/1.pth"]
    assert "known" in outcome.out


def test_a_file_that_changed_at_its_source_is_refused(zoo, registry, by_url, web, torch_home):
    overlay = registry(one=by_url("1.pth"))
    web.files["/1.pth"] = b"forged"
    outcome = zoo("fetch", "one", "--registry", overlay)
    assert outcome.code == 1
    assert "is not the file that the registry" in outcome.err
    assert "do not trust it" in outcome.err
    assert not (torch_home / "1.pth").exists()


def test_names_of_a_registry_on_the_hub_can_be_fetched(zoo, registry, hub, by_hub):
    hub.commit("org/zoo", {"registry.json": registry(theirs=by_hub).read_bytes()})
    outcome = zoo("fetch", "theirs", "--registry", "hub:org/zoo")
    assert outcome.code == 0
    assert DIGEST in outcome.out


def test_a_repository_that_does_not_exist_is_an_error(zoo, hub):
    outcome = zoo("fetch", "hf-hub:org/none")
    assert outcome.code == 1
    assert "cannot fetch hf-hub:org/none: 401 Client Error. " in outcome.err
    assert "Repository Not Found" in outcome.err


def test_offline_a_repository_is_not_said_to_hold_nothing(zoo, hub, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    outcome = zoo("fetch", "hf-hub:org/model")
    assert outcome.code == 1
    assert "cannot fetch hf-hub:org/model: " in outcome.err
    assert "offline mode is enabled" in outcome.err


def test_the_hubs_own_environment_variables_count(registry, by_hub, hub):
    """HF_ENDPOINT and HF_HOME, as whoever starts the command sets them."""
    overlay = registry(mine=by_hub)
    code = "from cli.main import main; main()"
    arguments = ["fetch", "mine", "--registry", str(overlay)]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    assert os.environ["HF_HOME"] in done.stdout
    assert len(hub.log.of(host="storage")) == 1
