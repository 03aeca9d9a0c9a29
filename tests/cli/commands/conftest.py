"""A run that was exported, to be used and not changed."""

import shutil

import pytest

from export.convert import export_model
from export.evidence import gather_evidence
from zoo.model import load_model
from zoo.run import Run


@pytest.fixture(scope="session")
def exported(finished, tmp_path_factory) -> Run:
    """The finished run with a proved ONNX file."""
    place = tmp_path_factory.mktemp("exported") / "run"
    shutil.copytree(finished.path, place)
    run = Run(place)
    model = load_model(run.model_folder)
    report = export_model(model, run.model_folder, gather_evidence(run, None, model.targets))
    report.raise_if_failed()
    return run


@pytest.fixture
def own(exported, tmp_path) -> Run:
    """A copy of it that may be changed."""
    shutil.copytree(exported.path, tmp_path / "own")
    return Run(tmp_path / "own")
