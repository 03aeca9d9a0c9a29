import shutil
from pathlib import Path

import numpy as np
import pytest

from zoo.errors import DamagedFileError, DataError, RunError, StorageError
from zoo.run import Run, RunFailure, create_run, find_unfinished, locate_model, now


def nothing(run):
    """Write nothing into a new run."""


def test_names_are_numbered_when_taken():
    paths = [create_run(None, "net-data", nothing).path for _ in range(3)]
    assert [p.name for p in paths] == ["net-data", "net-data-2", "net-data-3"]


def test_a_chosen_folder_must_be_new(tmp_path):
    create_run(tmp_path / "a" / "b", "ignored", nothing)
    with pytest.raises(RunError, match="exists") as caught:
        create_run(tmp_path / "a" / "b", "ignored", nothing)
    assert "another --output" in caught.value.hint


def test_a_place_that_cannot_hold_a_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot write"):
        create_run(tmp_path / "file" / "run", "ignored", nothing)


def test_the_newest_numbered_run_is_found():
    for _ in range(2):
        create_run(None, "x", nothing).path.joinpath("run.json").touch()
    assert find_unfinished(None, "x").path == Path("runs/x-2")


def test_a_model_is_found_in_its_run_and_knows_the_way_back(finished):
    assert locate_model(finished.path).run == finished
    inside = locate_model(finished.model_folder)
    assert inside.folder == finished.model_folder
    assert inside.run is not None
    assert inside.run.path.samefile(finished.path)


def test_a_model_folder_elsewhere_belongs_to_no_run(finished, tmp_path):
    shutil.copytree(finished.model_folder, tmp_path / "model")
    assert locate_model(tmp_path / "model").run is None


def test_the_record_comes_back(finished):
    record = finished.read()
    finished.write(record)
    assert finished.read() == record


def test_a_split_the_run_does_not_have(finished):
    with pytest.raises(DataError, match="has no test split") as caught:
        finished.read_split("test")
    assert "train, validation" in caught.value.hint


def test_no_run_here(tmp_path):
    with pytest.raises(RunError, match=r"run\.json is missing"):
        Run(tmp_path).read()


@pytest.fixture
def copy(finished, tmp_path) -> Run:
    """The record of a finished run, to be damaged."""
    run = Run(tmp_path / "run")
    run.path.mkdir()
    for name in ("run.json", "splits.jsonl"):
        shutil.copy(finished.path / name, run.path)
    return run


def test_a_record_with_unknown_fields_is_damaged(copy):
    path = copy.path / "run.json"
    path.write_text(path.read_text().replace('"seed"', '"seeds"', 1))
    with pytest.raises(DamagedFileError, match="seeds"):
        copy.read()


def test_fields_are_changed_one_by_one(copy):
    before = copy.read()
    after = copy.update(status="interrupted", commands=("zoo finetune",))
    assert copy.read() == after
    assert after.metrics == before.metrics
    assert (after.status, after.commands) == ("interrupted", ("zoo finetune",))


def test_the_data_comes_back_as_it_was_split(finished, shared_photos):
    record = finished.read().data
    dataset = finished.read_dataset()
    assert dataset.root == shared_photos
    assert dataset.targets == record.targets
    assert {name: len(samples) for name, samples in dataset.splits.items()} == record.num_samples
    assert dataset.fingerprint == record.fingerprint
    validation = dataset.validation
    names = validation.truths["label"]
    expected = [str(name).partition("/")[0] for name in validation.files]
    np.testing.assert_array_equal(record.targets[0].encode(expected), names)


@pytest.mark.parametrize(
    ("old", "new"),
    [('"train"', '"validation"'), ('"label": "checks"', '"label": "discs"')],
    ids=["another split", "another class"],
)
def test_a_split_that_was_changed_afterwards_is_damaged(copy, old, new):
    path = copy.path / "splits.jsonl"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(DamagedFileError, match=r"splits\.jsonl"):
        copy.read_dataset()


def test_a_split_whose_files_changed_is_refused(photos, tmp_path, finished):
    from dataclasses import replace

    from zoo.data.folder import open_folder

    run, dataset = Run(tmp_path / "run"), open_folder(photos)
    run.path.mkdir()
    run.write_splits(dataset)
    data = replace(finished.read().data, root=str(dataset.root), fingerprint=dataset.fingerprint)
    run.write(replace(finished.read(), data=data))
    assert len(run.read_split("validation")) == len(dataset.validation)
    dataset.validation.path(0).write_bytes(b"another picture")
    with pytest.raises(DataError, match="changed"):
        run.read_split("validation")
    assert len(run.read_split("train")) == len(dataset.train)


@pytest.mark.parametrize("name", ["gone.onnx", "/gone.onnx", "gone"])
def test_what_is_not_there_is_not_found(name):
    with pytest.raises(RunError, match="does not exist"):
        locate_model(Path(name))


def test_an_onnx_file_belongs_to_the_model_folder_around_it(finished, tmp_path):
    shutil.copytree(finished.model_folder, tmp_path / "m")
    path = tmp_path / "m" / "onnx" / "model.onnx"
    with pytest.raises(RunError, match="does not exist"):
        locate_model(path)
    path.parent.mkdir()
    path.write_bytes(b"x")
    found = locate_model(path)
    assert found.folder == tmp_path / "m"
    assert found.run is None


def test_an_unfinished_run_has_no_model_yet(copy):
    copy.update(status="interrupted")
    with pytest.raises(RunError, match="is not finished") as caught:
        locate_model(copy.path)
    assert f"--resume --output {copy.path}" in caught.value.hint


def test_a_run_that_would_fail_again_is_not_advised_to_be_resumed(copy):
    failure = RunFailure(problem="the loss became nan", time=now(), repeats=True)
    copy.update(status="failed", failure=failure)
    with pytest.raises(RunError, match="failed: the loss became nan") as caught:
        locate_model(copy.path)
    assert "--resume" not in caught.value.hint
    with pytest.raises(RunError, match="exists") as caught:
        create_run(copy.path, "ignored", nothing)
    assert "--resume" not in caught.value.hint


def test_an_unfinished_run_in_the_way_can_be_continued(copy):
    copy.update(status="interrupted")
    with pytest.raises(RunError, match="exists") as caught:
        create_run(copy.path, "ignored", nothing)
    assert "--resume" in caught.value.hint


def test_without_a_run_there_is_nothing_to_resume():
    with pytest.raises(RunError, match="no run to resume at runs/x"):
        find_unfinished(None, "x")


def test_a_folder_gets_its_name_when_what_it_begins_with_is_written(tmp_path):
    def fail(run):
        (run.path / "splits.jsonl").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        create_run(tmp_path / "run", "ignored", fail)
    assert list(tmp_path.iterdir()) == []
    run = create_run(tmp_path / "run", "ignored", lambda run: (run.path / "a").write_text("whole"))
    assert (run.path / "a").read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
