from pathlib import Path

import pytest

from zoo.errors import DataError, RunError, StorageError
from zoo.run import Run, create_run, find_unfinished, locate_model


def test_names_are_numbered_when_taken():
    paths = [create_run(None, "net-data").path for _ in range(3)]
    assert [p.name for p in paths] == ["net-data", "net-data-2", "net-data-3"]


def test_a_chosen_folder_must_be_new(tmp_path):
    create_run(tmp_path / "a" / "b", "ignored")
    with pytest.raises(RunError, match="exists") as caught:
        create_run(tmp_path / "a" / "b", "ignored")
    assert "another --output" in caught.value.hint


def test_a_place_that_cannot_hold_a_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot write"):
        create_run(tmp_path / "file" / "run", "ignored")


def test_the_newest_numbered_run_is_found():
    for _ in range(2):
        create_run(None, "x").path.joinpath("run.json").touch()
    assert find_unfinished(None, "x").path == Path("runs/x-2")


def test_a_model_is_found_in_its_run_and_knows_the_way_back(finished):
    assert locate_model(finished.path).run == finished
    inside = locate_model(finished.model_folder)
    assert inside.folder == finished.model_folder
    assert inside.run is not None
    assert inside.run.path.samefile(finished.path)


def test_a_model_folder_elsewhere_belongs_to_no_run(finished, tmp_path):
    import shutil

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
