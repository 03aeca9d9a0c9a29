import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import pytest
import timm
import torch

from tests.hub.faults import Corrupt, DropAnswer, Meanwhile, Refuse, Truncate
from tests.zoo.hub.conftest import CARD, fill
from zoo.errors import (
    DamagedFileError,
    HubAccessError,
    HubChangedError,
    HubError,
    RunError,
    StorageError,
    UnsafeFileError,
    ZooError,
)
from zoo.hub.names import Reference, parse_reference
from zoo.hub.plan import make_plan
from zoo.hub.pull import pull
from zoo.hub.push import PushSettings, push
from zoo.model import load_config
from zoo.registry.lock import Lock
from zoo.storage import sha256_of_bytes

REPO = "alice/shapes"
HERE = Reference(repo=REPO)
WEIGHTS = "/lfs/*"


@pytest.fixture
def published(hub, alice, folder):
    """A model on the Hub, tagged v1; its commit."""
    done = push(make_plan(folder, CARD), HERE, PushSettings(tag="v1"))
    hub.log.clear()
    return done.commit


@pytest.fixture
def lock(tmp_path):
    return Lock(tmp_path / "zoo.lock")


@pytest.fixture
def back(tmp_path):
    """Where the model will lie."""
    return tmp_path / "back"


def lying(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}


def leftovers(back):
    """What lies beside the model, hidden, of a pull that failed."""
    return [path for path in back.parent.iterdir() if ".part" in path.name]


def republish(hub, name, content, **changes):
    """Let somebody commit a manifest that records other files."""
    manifest = json.loads(hub.content(REPO)["manifest.json"])
    manifest["files"][name] = {"sha256": sha256_of_bytes(content), "bytes": len(content)} | changes
    files = {"manifest.json": json.dumps(manifest).encode()}
    return hub.commit(REPO, files)


def test_a_pull_brings_back_what_was_pushed_byte_for_byte(hub, published, folder, back, lock):
    pulled = pull(HERE, back, lock)
    assert lying(back) == hub.content(REPO)
    assert {n: c for n, c in lying(back).items() if n != "README.md"} == lying(folder)
    assert pulled.commit == published
    assert pulled.checked == 5
    assert pulled.files == tuple(sorted(lying(back)))
    assert pulled.left == ()
    assert not leftovers(back)


@pytest.mark.parametrize("revision", ["main", "v1"])
def test_a_revision_is_resolved_to_a_commit(hub, published, back, lock, revision):
    assert pull(parse_reference(f"{REPO}@{revision}"), back, lock).commit == published


def test_an_earlier_commit_can_be_pulled(hub, published, back, lock):
    hub.commit(REPO, {"model.safetensors": b"other"})
    pulled = pull(parse_reference(f"{REPO}@{published}"), back, lock)
    assert len(lying(back)["model.safetensors"]) > len(b"other")
    assert pulled.commit == published


def test_what_is_cached_is_not_fetched_again(hub, published, back, lock, tmp_path):
    pull(HERE, back, lock)
    hub.log.clear()
    pull(HERE, tmp_path / "again", lock)
    assert lying(tmp_path / "again") == lying(back)
    assert not hub.log.of("GET", WEIGHTS)
    assert not hub.log.of("GET", "*/resolve/*")


def test_the_official_client_finds_the_files_in_its_cache(hub, published, back, lock):
    from huggingface_hub import hf_hub_download

    pull(HERE, back, lock)
    hub.stop()
    found = hf_hub_download(REPO, "model.safetensors", revision=published)
    assert Path(found).read_bytes() == lying(back)["model.safetensors"]


def test_a_folder_that_exists_is_left_alone(hub, published, back, lock):
    back.mkdir()
    with pytest.raises(RunError, match="exists"):
        pull(HERE, back, lock)
    assert not list(back.iterdir())
    assert not len(hub.log)


@pytest.mark.parametrize("at", [0, 1, 700_000, 1_499_999])
def test_a_connection_that_breaks_is_taken_up_where_it_broke(hub, published, back, lock, at):
    rule = hub.faults.on("GET", WEIGHTS, DropAnswer(after_bytes=at))
    pull(HERE, back, lock)
    assert rule.fired == 1
    assert lying(back) == hub.content(REPO)


@pytest.mark.parametrize("fault", [Corrupt(at_byte=5), Truncate(to_bytes=100)])
@pytest.mark.parametrize("path", [WEIGHTS, "*/zoo_config.json", "*/manifest.json"])
def test_what_arrives_wrong_once_is_fetched_again(hub, published, back, lock, fault, path):
    rule = hub.faults.on("GET", path, fault)
    pull(HERE, back, lock)
    assert rule.fired == 1
    assert lying(back) == hub.content(REPO)


@pytest.mark.parametrize("fault", [Corrupt(at_byte=5), Truncate(to_bytes=100)])
@pytest.mark.parametrize("path", [WEIGHTS, "*/zoo_config.json", "*/manifest.json"])
def test_what_always_arrives_wrong_is_no_model(hub, published, back, lock, fault, path):
    hub.faults.on("GET", path, fault, times=None)
    with pytest.raises(HubError, match="cannot fetch .*alice/shapes"):
        pull(HERE, back, lock)
    assert not back.exists()
    assert not leftovers(back)
    hub.faults.clear()
    pull(HERE, back, lock)
    assert lying(back) == hub.content(REPO)


def test_a_cache_that_was_damaged_is_fetched_anew(hub, published, back, lock, tmp_path):
    from huggingface_hub import constants, try_to_load_from_cache

    pull(HERE, tmp_path / "first", lock)
    cached = try_to_load_from_cache(REPO, "model.safetensors", revision=published)
    assert str(cached).startswith(constants.HF_HUB_CACHE)
    with Path(cached).open("r+b") as file:
        file.write(b"harm")
    pull(HERE, back, lock)
    assert lying(back) == hub.content(REPO)


@pytest.mark.parametrize("path", ["/api/models/*", "*/resolve/*/zoo_config.json", WEIGHTS])
@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_hub_is_waited_for(hub, published, back, lock, path, status):
    rule = hub.faults.on("GET", path, Refuse(status=status, retry_after_s=7))
    pull(HERE, back, lock)
    assert rule.fired == 1
    assert max(hub.waits) >= 7


def test_a_hub_that_is_down_is_an_error_that_says_what_to_do(hub, published, back, lock):
    hub.stop()
    with pytest.raises(HubError, match=f"cannot look at {REPO}") as caught:
        pull(HERE, back, lock)
    assert "HF_ENDPOINT" in caught.value.hint


def test_a_manifest_that_records_another_file_is_told_before_anything_is_fetched(
    hub, published, back, lock
):
    republish(hub, "model.safetensors", b"other bytes")
    with pytest.raises(HubChangedError, match=r"model\.safetensors has 1,500,\d+ bytes instead"):
        pull(HERE, back, lock)
    assert not hub.log.of("GET", WEIGHTS)
    assert not back.exists()


def test_a_small_file_that_is_not_the_recorded_one_is_no_model(hub, published, back, lock):
    hub.forge(REPO, published, "zoo_config.json", hub.content(REPO)["zoo_config.json"][::-1])
    with pytest.raises(HubError, match=r"another zoo_config\.json"):
        pull(HERE, back, lock)
    assert not back.exists()


def test_a_repository_that_lacks_what_it_records_is_told(hub, published, back, lock):
    hub.commit(REPO, {"golden.safetensors": None})
    with pytest.raises(HubChangedError, match=r"golden\.safetensors is missing"):
        pull(HERE, back, lock)


def test_a_tag_that_was_moved_is_an_error(hub, published, back, lock, tmp_path, folder):
    at = parse_reference(f"{REPO}@v1")
    pull(at, back, lock)
    other = push(make_plan(fill(tmp_path / "other", seed=1), CARD), HERE, PushSettings())
    hub.tag(REPO, "v1", other.commit)
    with pytest.raises(HubChangedError, match="has been changed") as caught:
        pull(at, tmp_path / "again", lock)
    assert str(lock.path) in caught.value.hint
    assert not (tmp_path / "again").exists()


def test_branches_move(hub, published, back, lock, tmp_path):
    branch = parse_reference(f"{REPO}@main")
    pull(branch, back, lock)
    other = push(make_plan(fill(tmp_path / "other", seed=1), CARD), HERE, PushSettings())
    assert pull(branch, tmp_path / "again", lock).commit == other.commit


def test_a_commit_is_no_other_commit(hub, published, back, lock):
    claimed = "b" * 40
    hub.tag(REPO, claimed, published)
    with pytest.raises(HubChangedError, match=f"with another commit, {published[:12]}"):
        pull(parse_reference(f"{REPO}@{claimed}"), back, lock)
    assert not back.exists()


def test_a_commit_that_holds_other_files_than_it_did_is_an_error(
    hub, published, back, lock, tmp_path, monkeypatch
):
    at = parse_reference(f"{REPO}@{published}")
    pull(at, back, lock)
    manifest = json.loads(hub.content(REPO)["manifest.json"])
    del manifest["files"]["golden.safetensors"]
    hub.forge(REPO, published, "manifest.json", json.dumps(manifest).encode())
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "elsewhere"))
    with pytest.raises(HubChangedError, match="has been changed"):
        pull(at, tmp_path / "again", lock)


@pytest.mark.parametrize("name", ["../escaped.json", "/tmp/x.json", "a/../../x.json", "nul"])
def test_names_that_leave_the_folder_are_refused(hub, published, back, lock, name):
    republish(hub, name, b"{}")
    with pytest.raises(DamagedFileError, match="no file of its folder"):
        pull(HERE, back, lock)
    assert not back.exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        *(("pytorch_model.bin", "pickle"), ("x.pt", "pickle"), ("a/b.PKL", "pickle")),
        *(("modeling.py", "no data"), ("run.sh", "no data"), ("x.so", "no data"), ("x", "no data")),
    ],
)
def test_pickles_and_code_are_refused(hub, published, back, lock, name, words):
    republish(hub, name, b"harm")
    with pytest.raises(UnsafeFileError, match=words):
        pull(HERE, back, lock)
    assert not back.exists()


def test_a_card_comes_with_its_pictures(hub, published, back, lock):
    hub.commit(REPO, {"pictures/curves.png": b"png"})
    assert "pictures/curves.png" in pull(HERE, back, lock).files
    assert (back / "pictures/curves.png").read_bytes() == b"png"


def test_what_is_no_part_of_the_model_is_not_fetched(hub, published, back, lock):
    hub.commit(REPO, {"pytorch_model.bin": b"harm", "modeling.py": b"import os", "x.png": b"x"})
    pulled = pull(HERE, back, lock)
    assert pulled.left == ("modeling.py", "pytorch_model.bin", "x.png")
    assert not set(pulled.left) & set(lying(back))


def save_by_timm(folder, seed=0):
    """Save a small classifier as timm does; its files by name."""
    torch.manual_seed(seed)
    network = timm.create_model("resnet10t", num_classes=3)
    told = {"label_names": ["checks", "discs", "stripes"]}
    timm.models.save_for_hf(network, folder, model_config=told, safe_serialization=True)
    return lying(folder)


def test_a_classifier_that_timm_saved_becomes_a_model_folder(hub, alice, back, lock, tmp_path):
    files = save_by_timm(tmp_path / "saved")
    card = {"README.md": b"---\nlicense: mit\n---\n"}
    commit = hub.commit("bob/plain", {**files, **card, "x.py": b"", "weights.bin": b"harm"})
    pulled = pull(Reference(repo="bob/plain"), back, lock)
    assert (pulled.adopted, pulled.commit, pulled.checked) == (True, commit, 0)
    assert pulled.left == ("weights.bin", "x.py")
    assert set(pulled.files) == set(lying(back))
    assert {"zoo_config.json", "manifest.json", "model.safetensors"} <= set(pulled.files)
    assert any("licence mit, as its card says" in assumption for assumption in pulled.assumptions)
    target = load_config(back).targets[0]
    assert target.classes == ("checks", "discs", "stripes")
    assert [path.name for path in back.parent.iterdir() if path.name.endswith(".part")] == []


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"config.json": b"{}", "pytorch_model.bin": b"harm"}, "no model.safetensors"),
        ({"config.json": b'{"model_type": "llama"}', "model.safetensors": b"1"}, "no classifier"),
        ({"model.safetensors": b"1"}, "no config.json"),
    ],
)
def test_what_is_no_classifier_leaves_nothing_behind(hub, alice, back, lock, files, words):
    hub.commit("bob/plain", files)
    with pytest.raises(ZooError, match=words):
        pull(Reference(repo="bob/plain"), back, lock)
    assert list(back.parent.glob(f".{back.name}*")) == []
    assert not back.exists()


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "README.md"])
def test_a_commit_of_somebody_else_s_is_held_to_all_that_makes_the_model(
    hub, alice, back, lock, tmp_path, name
):
    files = save_by_timm(tmp_path / "saved") | {"README.md": b"# Plain"}
    commit = hub.commit("bob/plain", files)
    pull(parse_reference(f"bob/plain@{commit}"), back, lock)
    hub.forge("bob/plain", commit, name, files[name].replace(b"stripes", b"spots") + b" ")
    with pytest.raises(HubChangedError, match="has been changed"):
        pull(parse_reference(f"bob/plain@{commit}"), back.with_name("again"), lock)


def test_a_commit_of_zoo_s_does_not_turn_into_somebody_else_s(hub, published, back, lock, tmp_path):
    pull(parse_reference(f"{REPO}@{published}"), back, lock)
    hub.forge(REPO, published, "manifest.json", None)
    for name, content in save_by_timm(tmp_path / "saved").items():
        hub.forge(REPO, published, name, content)
    with pytest.raises(HubChangedError, match="has been changed"):
        pull(parse_reference(f"{REPO}@{published}"), back.with_name("again"), lock)


def test_a_tag_of_somebody_else_s_is_held_to_its_weights(hub, alice, back, lock, tmp_path):
    first = hub.commit("bob/plain", save_by_timm(tmp_path / "saved"))
    hub.tag("bob/plain", "v1", first)
    pull(parse_reference("bob/plain@v1"), back, lock)
    hub.tag("bob/plain", "v1", hub.commit("bob/plain", save_by_timm(tmp_path / "b", seed=1)))
    with pytest.raises(HubChangedError, match="has been changed"):
        pull(parse_reference("bob/plain@v1"), back.with_name("again"), lock)


def test_private_and_missing_repositories_look_alike_to_a_stranger(hub, published, back, lock):
    hub.create("bob/secret", private=True)
    for repo in ("bob/secret", "bob/none"):
        with pytest.raises(HubAccessError, match="no such repository, or it is private"):
            pull(Reference(repo=repo), back, lock)


def test_a_gated_repository_says_how_to_get_in(hub, published, back, lock):
    hub.create("bob/gated", gated="manual")
    hub.commit("bob/gated", {"manifest.json": b"{}"})
    with pytest.raises(HubAccessError, match="one by one") as caught:
        pull(Reference(repo="bob/gated"), back, lock)
    assert "ask for access" in caught.value.hint


def test_a_revision_that_there_is_not_is_told(hub, published, back, lock):
    with pytest.raises(HubError, match="no such branch, tag or commit"):
        pull(parse_reference(f"{REPO}@v9"), back, lock)


def test_a_token_that_expires_in_the_middle_is_told(hub, published, back, lock):
    hub.repositories[REPO].private = True
    expire = Meanwhile(do=lambda: hub.accounts.expire("alice"))
    hub.faults.on("GET", "/api/models/*/tree/*", expire)
    with pytest.raises(HubAccessError) as caught:
        pull(HERE, back, lock)
    hub.assert_no_leak(str(caught.value))
    assert not back.exists()


def test_no_token_goes_to_the_storage(hub, published, back, lock, capfd, caplog):
    pull(HERE, back, lock)
    heard = capfd.readouterr()
    texts = [content.decode(errors="replace") for content in lying(back).values()]
    hub.assert_no_leak(heard.out, heard.err, caplog.text, *texts)


def test_a_disk_without_room_is_told_before_anything_is_fetched(
    hub, published, back, lock, monkeypatch
):
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1_000))
    with pytest.raises(StorageError, match="No space left"):
        pull(HERE, back, lock)
    assert not hub.log.of("GET", WEIGHTS)


PROGRAM = """
    from pathlib import Path
    import sys
    from zoo.hub.names import Reference
    from zoo.hub.pull import pull
    from zoo.registry.lock import Lock

    pull(Reference(repo=sys.argv[1]), Path(sys.argv[2]), Lock(Path(sys.argv[3])))
"""


def test_a_pull_that_is_killed_goes_on_where_it_was(hub, published, back, lock):
    program = [sys.executable, "-c", textwrap.dedent(PROGRAM), REPO, str(back), str(lock.path)]
    hub.faults.on("GET", WEIGHTS, DropAnswer(after_bytes=700_000, reset=False), times=None)
    child = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    kill = Meanwhile(do=lambda: os.kill(child.pid, signal.SIGKILL))
    hub.faults.on("GET", WEIGHTS, kill, skip=3)
    child.communicate(timeout=120)
    assert child.returncode == -signal.SIGKILL
    assert not back.exists()
    hub.faults.clear()
    hub.log.clear()
    subprocess.run(program, capture_output=True, timeout=120, check=True)
    assert lying(back) == hub.content(REPO)
    assert sum(e.sent for e in hub.log.of("GET", WEIGHTS)) < 1_800_000, "nothing was kept"
