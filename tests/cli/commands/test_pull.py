"""Pulling a small publishable model and replaying its golden answers."""

import json
import shutil
from pathlib import Path

import onnx
import pytest

from zoo.hub.names import Reference
from zoo.hub.plan import make_plan
from zoo.hub.push import PushSettings, push
from zoo.manifest import write_manifest
from zoo.storage import sha256_of

REPO = "alice/shapes"


@pytest.fixture
def publish(hub, monkeypatch):
    """Push a folder in somebody's name."""
    monkeypatch.setenv("HF_TOKEN", hub.accounts.token("alice"))

    def put(folder):
        plan = make_plan(folder, {"README.md": b"# Shapes\n"})
        return push(plan, Reference(repo=REPO), PushSettings()).commit

    return put


def test_a_pull_is_checked_and_replayed_here(zoo, hub, publishable, publish):
    commit = publish(publishable)
    done = zoo("pull", REPO)
    assert done.code == 0, done.err
    assert Path("shapes/model.safetensors").exists()
    assert commit in done.out
    assert "5 of 7 files by manifest.json" in done.out
    assert "100% decided alike" in done.out
    assert "verdict" in done.out
    hub.assert_no_leak(done.out, done.err)


def test_what_was_pulled_evaluates_as_any_model(zoo, publishable, publish):
    publish(publishable)
    zoo("pull", REPO, "--to", "here")
    assert zoo("verify", "here").code == 0


def test_a_pull_is_one_json_document(zoo, publishable, publish):
    commit = publish(publishable)
    found = json.loads(zoo("pull", REPO, "--to", "here", "--format", "json").out)
    assert found["commit"] == commit
    assert found["folder"] == "here"
    assert found["replay"]["verdict"] == "pass"


def test_a_model_that_answers_otherwise_exits_3(zoo, publishable, publish, tmp_path):
    folder = shutil.copytree(publishable, tmp_path / "model")
    model = onnx.load(folder / "onnx/model.onnx")
    for weights in model.graph.initializer:
        if weights.data_type == onnx.TensorProto.FLOAT and len(weights.dims) == 1:
            weights.raw_data = onnx.numpy_helper.from_array(
                onnx.numpy_helper.to_array(weights) + 0.1
            ).raw_data
    onnx.save(model, folder / "onnx/model.onnx")
    report = json.loads((folder / "onnx/verification.json").read_text())
    report["sha256"] = sha256_of(folder / "onnx/model.onnx")
    (folder / "onnx/verification.json").write_text(json.dumps(report))
    write_manifest(folder)
    publish(folder)
    done = zoo("pull", REPO)
    assert done.code == 3
    assert "is not the model that was trained" in done.err


def test_without_golden_answers_it_is_said_that_nothing_was_replayed(
    zoo, publishable, publish, tmp_path
):
    folder = shutil.copytree(publishable, tmp_path / "model")
    (folder / "golden.safetensors").unlink()
    write_manifest(folder)
    publish(folder)
    done = zoo("pull", REPO)
    assert done.code == 0
    assert "nothing was replayed: there is no golden.safetensors" in done.err
    found = json.loads(zoo("pull", REPO, "--to", "b", "--format", "json").out)
    assert found["replay"] is None


def test_a_folder_that_exists_is_refused(zoo, publishable, publish):
    publish(publishable)
    Path("shapes").mkdir()
    done = zoo("pull", REPO)
    assert done.code == 1
    assert "--to" in done.err


def test_a_repository_that_there_is_not_is_told(zoo, hub):
    done = zoo("pull", "bob/none")
    assert done.code == 1
    assert "no such repository" in done.err
    assert "Traceback" not in done.err
