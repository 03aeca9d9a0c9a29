"""A trained model, its export and the images to verify on."""

import shutil

import onnx
import pytest

from export.convert import gather_evidence
from export.graph import export_graph
from zoo.model import load_model
from zoo.run import Run


@pytest.fixture(scope="session")
def model(finished):
    """The finished run's network on the CPU."""
    return load_model(finished.model_folder)


@pytest.fixture(scope="session")
def graph(model, finished) -> bytes:
    """Its ONNX bytes."""
    return export_graph(model, finished.model_folder)


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
