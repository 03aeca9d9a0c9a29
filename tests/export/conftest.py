"""A trained model, its export and the images to verify on."""

import shutil
from pathlib import Path

import onnx
import pytest

from export.convert import export_model
from export.evidence import Evidence, gather_evidence
from export.golden import write_golden
from export.graph import export_graph
from tests.export.small_models import KIND, POSE, TAGS, label_photos, make_model
from zoo.model import load_model
from zoo.run import Run


@pytest.fixture(scope="session")
def model(finished):
    """The finished run's network on the CPU."""
    return load_model(finished.model_folder)


@pytest.fixture(scope="session")
def graph(model, finished) -> bytes:
    """Its ONNX bytes."""
    return export_graph(model, finished.model_folder).content


@pytest.fixture
def proto(graph) -> onnx.ModelProto:
    """The same, to be taken apart."""
    return onnx.load_from_string(graph)


@pytest.fixture(scope="session")
def evidence(finished, model):
    """Its validation images."""
    return gather_evidence(finished, None, model.targets)


@pytest.fixture
def run(finished, tmp_path) -> Run:
    """A copy of the finished run that may be changed."""
    shutil.copytree(finished.path, tmp_path / "run")
    return Run(tmp_path / "run")


@pytest.fixture(scope="session")
def deployed(tmp_path_factory) -> Path:
    """The folder of a proved model of three targets with golden answers; not to be changed."""
    place = tmp_path_factory.mktemp("deployed")
    model = make_model(place / "model", KIND, TAGS, POSE)
    photos = label_photos(place / "photos", KIND, TAGS, POSE)
    export_model(model, place / "model", Evidence(samples=photos, recorded=None)).raise_if_failed()
    write_golden(model, place / "model", photos)
    return place / "model"


@pytest.fixture
def far(deployed, tmp_path) -> Path:
    """A copy of it that may be changed, as another machine would have it."""
    shutil.copytree(deployed, tmp_path / "far")
    return tmp_path / "far"
