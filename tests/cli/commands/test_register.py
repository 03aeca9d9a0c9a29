import json
import shutil
from pathlib import Path

import pytest


@pytest.fixture
def run(finished):
    return Path(shutil.copytree(finished.path, "runs/first"))


def test_a_model_becomes_the_start_of_the_next_run(run, photos, zoo):
    outcome = zoo("register", run, "--name", "shapes")
    assert outcome.code == 0
    assert "zoo finetune shapes DATA" in outcome.out
    assert "runs/first/model, sha256" in outcome.out
    assert str(Path.cwd() / "runs") not in outcome.out
    outcome = zoo(
        *("finetune", "shapes", photos, "--recipe", "linear-probe", "--device", "cpu"),
        *("--workers", 0, "--output", "next"),
    )
    assert outcome.code == 0, outcome.err
    record = json.loads(Path("next/run.json").read_text())
    assert record["backbone"]["weights"]["base"] == ["efficientnet_lite0"]
    assert record["origin"] == str(Path("zoo.registry.json").resolve())
    assert record["preprocess"]["size"] == 64
    shown = zoo("show", "shapes").out
    assert "efficientnet_lite0" in next(
        line for line in shown.splitlines() if line.startswith("fine-tuned from")
    )


def test_the_users_own_registry_serves_all_projects(run, zoo, user_folder):
    assert zoo("register", run, "--name", "shapes", "--user").code == 0
    assert (user_folder / "registry.json").exists()
    assert "shapes" in zoo("list", "--source", "local").out


def test_two_places_at_once_are_a_usage_error(run, zoo):
    outcome = zoo("register", run, "--name", "a", "--user", "--registry", "r.json")
    assert outcome.code == 2


def test_a_registry_elsewhere_cannot_be_written(run, zoo):
    outcome = zoo("register", run, "--name", "a", "--registry", "hub:org/name")
    assert outcome.code == 2
    assert not Path("hub:org").exists()


def test_a_name_that_is_taken_is_refused(run, zoo):
    zoo("register", run, "--name", "shapes")
    outcome = zoo("register", run, "--name", "shapes")
    assert outcome.code == 1
    assert "--overwrite" in outcome.err
    assert zoo("register", run, "--name", "shapes", "--overwrite").code == 0


def test_what_is_no_model_is_refused(zoo, tmp_path):
    outcome = zoo("register", tmp_path, "--name", "a")
    assert outcome.code == 1
    assert "neither a run folder nor a model folder" in outcome.err
