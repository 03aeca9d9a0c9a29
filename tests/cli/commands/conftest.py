"""A run that was exported, to be used and not changed."""

import shutil
from pathlib import Path

import pytest

from export.convert import export_model
from export.evidence import Evidence, gather_evidence
from export.golden import write_golden
from tests.export.small_models import KIND, label_photos, make_model
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


@pytest.fixture(scope="session")
def publishable(tmp_path_factory) -> Path:
    """A small proved model whose golden answers show nobody's pictures; not to be changed."""
    place = tmp_path_factory.mktemp("publishable")
    model = make_model(place / "model", KIND)
    photos = label_photos(place / "photos", KIND)
    export_model(model, place / "model", Evidence(samples=photos, recorded=None)).raise_if_failed()
    write_golden(model, place / "model", photos, pictures=False)
    return place / "model"
