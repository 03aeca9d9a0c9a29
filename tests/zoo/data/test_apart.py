from pathlib import Path

import pytest

from zoo.data.apart import is_output, require_apart
from zoo.errors import DataError


@pytest.mark.parametrize("place", ["photos/run", "photos/cat/new/run", "photos", "x/../photos/run"])
def test_an_output_inside_a_folder_of_images_is_refused(tmp_path, place):
    (tmp_path / "photos").mkdir()
    (tmp_path / "x").mkdir()
    with pytest.raises(DataError, match="lies in the data") as caught:
        require_apart(tmp_path / place, tmp_path / "photos")
    assert "--output" in caught.value.hint


def test_a_relative_output_starts_from_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="lies in the data"):
        require_apart(Path("runs/own"), Path())


def test_an_output_elsewhere_or_beside_a_table_is_allowed(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "table.csv").touch()
    require_apart(tmp_path / "photos-run", tmp_path / "photos")
    require_apart(tmp_path / "run", tmp_path / "table.csv")
    require_apart(tmp_path / "run", Path("hub:org/name"))
    require_apart(tmp_path / "run", None)


def test_a_folder_that_holds_runs_alone_is_an_output(tmp_path):
    (tmp_path / "runs" / "one").mkdir(parents=True)
    assert not is_output(tmp_path / "runs")
    (tmp_path / "runs" / "one" / "run.json").touch()
    assert is_output(tmp_path / "runs" / "one")
    assert is_output(tmp_path / "runs")
    (tmp_path / "runs" / "cat.jpg").touch()
    assert not is_output(tmp_path / "runs")
