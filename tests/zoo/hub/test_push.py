import os
import signal
import subprocess
import sys
import textwrap

import pytest

from tests.hub.client import allow_xet
from tests.hub.faults import DoneBut, DropAnswer, DropRequest, Meanwhile, Refuse
from tests.zoo.hub.conftest import CARD, fill
from zoo.errors import HubAccessError, HubChangedError, HubError, PushError
from zoo.hub.client import make_api
from zoo.hub.names import Reference
from zoo.hub.plan import make_plan
from zoo.hub.pull import pull
from zoo.hub.push import MESSAGE, PushSettings, prepare, push
from zoo.manifest import write_manifest
from zoo.registry.lock import Lock

REPO = "alice/shapes"
HERE = Reference(repo=REPO)
PLAIN = PushSettings()
COMMIT = "/api/models/*/commit/*"


@pytest.fixture
def plan(folder):
    return make_plan(folder, CARD)


def expected(plan):
    """What the repository should hold."""
    return {
        file.name: file.source if isinstance(file.source, bytes) else file.source.read_bytes()
        for file in plan.files
    }


def num_commits(hub):
    return len(hub.repositories[REPO].history("main"))


def test_a_push_is_one_commit_on_the_one_that_it_was_compared_with(hub, alice, plan):
    done = push(plan, HERE, PLAIN)
    assert hub.content(REPO) == expected(plan)
    assert num_commits(hub) == 2
    assert done.commit == hub.repositories[REPO].head("main").id
    assert done.url.startswith(hub.address)
    assert {file.name for file in done.changes.sent} == set(expected(plan))
    assert hub.repositories[REPO].head("main").title == MESSAGE
    assert len(hub.log.of("POST", COMMIT)) == 1


def test_a_commit_says_what_it_was_told_to(hub, alice, plan):
    push(plan, HERE, PushSettings(message="Hello, shapes"))
    assert hub.repositories[REPO].head("main").title == "Hello, shapes"


@pytest.mark.parametrize("name", ["v1", "0123456789" * 4])
def test_no_branch_is_called_like_a_tag_or_a_commit(hub, alice, plan, name):
    push(plan, HERE, PushSettings(tag="v1"))
    with pytest.raises(PushError, match="a push goes to a branch"):
        push(plan, Reference(repo=REPO, revision=name), PLAIN)
    assert set(hub.repositories[REPO].branches) == {"main"}


def test_no_tag_is_called_like_the_branch(hub, alice, plan):
    push(plan, HERE, PLAIN)
    with pytest.raises(PushError, match="what a branch is called"):
        push(plan, HERE, PushSettings(tag="main"))


def test_a_proposal_whose_answer_is_lost_is_not_made_twice_without_a_word(hub, alice, plan):
    push(plan, HERE, PLAIN)
    hub.faults.on("POST", COMMIT, DropAnswer(counts_head=True))
    changed = make_plan(plan.folder, {"README.md": b"# Other shapes"})
    with pytest.raises(HubError, match="whether the pull request was made") as caught:
        push(changed, HERE, PushSettings(create_pr=True))
    assert "/discussions" in caught.value.hint


def test_large_files_are_there_before_the_commit_shows_them(hub, alice, plan):
    push(plan, HERE, PLAIN)
    order = [e.path for e in hub.log if e.method in ("PUT", "POST")]
    uploads = [at for at, path in enumerate(order) if path.startswith("/upload/")]
    (committed,) = [at for at, path in enumerate(order) if "/commit/" in path]
    assert uploads
    assert max(uploads) < committed


def test_the_same_again_is_no_commit_and_is_said_so(hub, alice, plan):
    first = push(plan, HERE, PLAIN)
    hub.log.clear()
    again = push(plan, HERE, PLAIN)
    assert again.changes.is_empty
    assert again.commit == first.commit
    assert num_commits(hub) == 2
    assert not hub.log.of("P*")


def test_an_export_that_is_added_later_is_one_more_commit_of_what_is_new(
    hub, alice, folder, tmp_path
):
    export = tmp_path / "onnx"
    (folder / "onnx").rename(export)
    write_manifest(folder)
    push(make_plan(folder, CARD, allow_unverified=True), HERE, PLAIN)
    export.rename(folder / "onnx")
    write_manifest(folder)
    hub.log.clear()
    done = push(make_plan(folder, CARD), HERE, PLAIN)
    sent = {file.name for file in done.changes.sent}
    assert sent == {"manifest.json", "onnx/model.onnx", "onnx/verification.json"}
    assert sum(e.received for e in hub.log.of("PUT")) == 900_000
    assert num_commits(hub) == 3


def test_what_an_earlier_push_left_and_the_model_has_no_more_is_removed(hub, alice, plan, tmp_path):
    push(plan, HERE, PLAIN)
    hub.commit(REPO, {"notes.txt": b"somebody's own"})
    other = fill(tmp_path / "other", seed=1)
    (other / "onnx/model.onnx").unlink()
    (other / "onnx/verification.json").unlink()
    write_manifest(other)
    done = push(make_plan(other, CARD, allow_unverified=True), HERE, PLAIN)
    assert done.changes.removed == ("onnx/model.onnx", "onnx/verification.json")
    assert "onnx/model.onnx" not in hub.content(REPO)
    assert hub.content(REPO)["notes.txt"] == b"somebody's own"


def test_a_new_repository_can_be_private(hub, alice, plan):
    push(plan, HERE, PushSettings(private=True))
    assert hub.repositories[REPO].private


def test_a_model_that_was_to_be_private_is_not_put_where_all_can_see_it(hub, alice, plan):
    hub.create(REPO)
    with pytest.raises(PushError, match="is public"):
        push(plan, HERE, PushSettings(private=True))
    assert hub.content(REPO) == {}


def test_a_branch_is_made_and_main_left_alone(hub, alice, plan):
    hub.create(REPO)
    done = push(plan, Reference(repo=REPO, revision="next"), PLAIN)
    assert hub.content(REPO, "next") == expected(plan)
    assert hub.content(REPO) == {}
    assert done.branch == "next"


def test_a_proposal_to_another_s_repository_changes_nothing_there(hub, alice, plan):
    hub.create("bob/shapes")
    done = push(plan, Reference(repo="bob/shapes"), PushSettings(create_pr=True))
    assert done.pull_request is not None
    assert hub.content("bob/shapes") == {}
    assert hub.content("bob/shapes", "refs/pr/1") == expected(plan)


def test_nothing_is_proposed_where_there_is_nothing(hub, alice, plan):
    with pytest.raises(HubError, match="to propose a commit to"):
        push(plan, Reference(repo="bob/none"), PushSettings(create_pr=True))


def test_a_proposed_commit_has_no_tag():
    with pytest.raises(PushError, match="cannot be tagged"):
        PushSettings(create_pr=True, tag="v1")


def test_a_tag_names_the_commit_and_may_be_given_again(hub, alice, plan):
    done = push(plan, HERE, PushSettings(tag="v1"))
    assert hub.repositories[REPO].tags["v1"] == done.commit
    assert push(plan, HERE, PushSettings(tag="v1")).commit == done.commit


def test_a_tag_is_never_moved_and_that_is_known_before_the_upload(hub, alice, plan, tmp_path):
    first = push(plan, HERE, PushSettings(tag="v1"))
    hub.log.clear()
    with pytest.raises(HubChangedError, match="'v1' already"):
        push(make_plan(fill(tmp_path / "b", seed=1), CARD), HERE, PushSettings(tag="v1"))
    assert hub.repositories[REPO].tags["v1"] == first.commit
    assert not hub.log.of("PUT")


def test_somebody_else_s_commit_in_between_is_not_overwritten(hub, alice, plan):
    hub.create(REPO)
    meanwhile = Meanwhile(do=lambda: hub.commit(REPO, {"model.safetensors": b"theirs"}))
    hub.faults.on("POST", COMMIT, meanwhile)
    with pytest.raises(HubChangedError, match="in the meantime") as caught:
        push(plan, HERE, PLAIN)
    assert "run the command again" in caught.value.hint
    assert hub.content(REPO) == {"model.safetensors": b"theirs"}
    hub.log.clear()
    push(plan, HERE, PLAIN)
    assert hub.content(REPO) == expected(plan)
    assert not hub.log.of("PUT"), "what was uploaded is sent again"


@pytest.mark.parametrize("fault", [DropAnswer(), DropAnswer(counts_head=True), DoneBut(status=500)])
def test_a_commit_whose_answer_is_lost_is_found(hub, alice, plan, fault):
    hub.faults.on("POST", COMMIT, fault)
    done = push(plan, HERE, PLAIN)
    assert hub.content(REPO) == expected(plan)
    assert done.commit == hub.repositories[REPO].head("main").id
    assert num_commits(hub) == 2


def test_a_commit_that_also_removes_files_is_found_as_well(hub, alice, folder, plan):
    push(plan, HERE, PLAIN)
    (folder / "golden.safetensors").unlink()
    write_manifest(folder)
    hub.faults.on("POST", COMMIT, DropAnswer(counts_head=True))
    less = make_plan(folder, CARD)
    done = push(less, HERE, PLAIN)
    assert hub.content(REPO) == expected(less)
    assert done.commit == hub.repositories[REPO].head("main").id
    assert num_commits(hub) == 3


@pytest.mark.parametrize("at", [0, 1, 100_000, 699_999])
def test_a_connection_that_breaks_in_a_part_is_taken_up_again(hub, alice, plan, at):
    hub.part_size = 700_000
    rule = hub.faults.on("PUT", "/upload/*", DropRequest(after_bytes=at), skip=1)
    push(plan, HERE, PLAIN)
    assert rule.fired == 1
    assert hub.content(REPO) == expected(plan)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", "/api/models/*"), ("POST", "*/preupload/*"), ("POST", "*/objects/batch")),
        *(("PUT", "/upload/*"), ("POST", COMMIT), ("POST", "/api/repos/create")),
    ],
)
def test_a_busy_hub_is_waited_for(hub, alice, plan, method, path):
    rule = hub.faults.on(method, path, Refuse(status=429, retry_after_s=7))
    push(plan, HERE, PLAIN)
    assert rule.fired == 1
    assert max(hub.waits) >= 7
    assert hub.content(REPO) == expected(plan)


def test_a_hub_that_stays_down_is_an_error_and_nothing_is_published(hub, alice, plan):
    hub.faults.on("PUT", "/upload/*", Refuse(status=500), times=None)
    with pytest.raises(HubError, match="has trouble"):
        push(plan, HERE, PLAIN)
    assert hub.content(REPO) == {}
    hub.faults.clear()
    push(plan, HERE, PLAIN)
    assert hub.content(REPO) == expected(plan)


def test_a_full_account_is_told_and_nothing_is_published(hub, alice, plan):
    hub.accounts.limits["alice"] = 1_000_000
    with pytest.raises(HubError, match="no room") as caught:
        push(plan, HERE, PLAIN)
    assert "space" in caught.value.hint
    assert hub.content(REPO) == {}


def test_a_token_that_expires_in_the_middle_is_told(hub, alice, plan):
    expire = Meanwhile(do=lambda: hub.accounts.expire("alice"))
    hub.faults.on("POST", "*/objects/batch", expire)
    with pytest.raises(HubAccessError, match="expired") as caught:
        push(plan, HERE, PLAIN)
    hub.assert_no_leak(str(caught.value), repr(caught.value))
    assert hub.content(REPO) == {}


def test_another_s_repository_is_refused_before_anything_is_sent(hub, alice, plan):
    hub.create("bob/shapes")
    hub.log.clear()
    with pytest.raises(HubAccessError, match="may not write to bob"):
        push(plan, Reference(repo="bob/shapes"), PLAIN)
    assert not hub.log.of("P*")


def test_a_hub_without_xet_needs_no_setting(hub, alice, plan, monkeypatch):
    allow_xet(monkeypatch)
    push(plan, HERE, PLAIN)
    assert hub.log.of("GET", "*/xet-write-token/*")
    assert hub.content(REPO) == expected(plan)


def test_a_hub_with_xet_gets_large_files_that_way(hub, alice, plan, tmp_path, monkeypatch):
    allow_xet(monkeypatch)
    hub.xet = True
    push(plan, HERE, PLAIN)
    assert not hub.log.of("PUT")
    assert hub.content(REPO) == expected(plan)
    assert push(plan, HERE, PLAIN).changes.is_empty
    pull(HERE, tmp_path / "back", Lock(tmp_path / "zoo.lock"))
    for name, content in expected(plan).items():
        assert (tmp_path / "back" / name).read_bytes() == content


def test_looking_at_what_would_change_changes_nothing(hub, alice, plan):
    hub.create(REPO)
    hub.log.clear()
    prospect = prepare(make_api(), plan, HERE, PLAIN)
    assert len(prospect.changes.sent) == len(plan.files)
    assert {e.method for e in hub.log} <= {"GET", "HEAD"}


def test_no_token_goes_to_the_storage_or_into_an_address(hub, alice, plan, capfd, caplog):
    push(plan, HERE, PushSettings(tag="v1"))
    heard = capfd.readouterr()
    hub.assert_no_leak(heard.out, heard.err, caplog.text)


PROGRAM = """
    from pathlib import Path
    import sys
    from zoo.hub.names import Reference
    from zoo.hub.plan import make_plan
    from zoo.hub.push import PushSettings, push

    plan = make_plan(Path(sys.argv[1]), {"README.md": b"# Shapes\\n"})
    print(push(plan, Reference(repo=sys.argv[2]), PushSettings()).commit)
"""


def test_a_push_that_is_killed_goes_on_where_it_was(hub, alice, folder):
    hub.part_size = None
    program = [sys.executable, "-c", textwrap.dedent(PROGRAM), str(folder), REPO]
    child = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    # By then all large files have arrived; of the commit, nothing has.
    hub.faults.on("POST", COMMIT, Meanwhile(do=lambda: os.kill(child.pid, signal.SIGKILL)))
    hub.faults.on("POST", COMMIT, Refuse(status=500))
    _, said = child.communicate(timeout=120)
    hub.assert_no_leak(said.decode())
    assert child.returncode == -signal.SIGKILL
    assert hub.content(REPO) == {}
    assert hub.log.of("PUT")
    hub.faults.clear()
    hub.log.clear()
    done = subprocess.run(program, capture_output=True, timeout=120, check=True)
    assert done.stdout.decode().strip() == hub.repositories[REPO].head("main").id
    assert not hub.log.of("PUT"), "what had arrived is sent again"
    assert hub.content(REPO)["model.safetensors"] == (folder / "model.safetensors").read_bytes()
