"""transformers.js in Node loads a model folder; ZOO_NODE_MODULES names where it is installed."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import torch

from export.graph import export_graph
from tests.conftest import CLASSES, draw
from tests.hub.node import PACKAGE, find_modules, run_in_node
from zoo.hub.interchange.describe import write_interchange
from zoo.model import load_model

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("classify.mjs")


@pytest.fixture(scope="module")
def modules() -> Path:
    """The folder that `npm install` filled."""
    return find_modules()


@pytest.fixture(scope="module")
def shapes(finished, tmp_path_factory) -> Path:
    """A trained model's folder with its graph; not to be changed."""
    folder = tmp_path_factory.mktemp("models") / "me" / "shapes"
    shutil.copytree(finished.model_folder, folder)
    (folder / "onnx").mkdir()
    (folder / "onnx" / "model.onnx").write_bytes(export_graph(load_model(folder), folder).content)
    assert "transformers.js" in write_interchange(folder).loads
    return folder


def classify(modules: Path, folder: Path, pictures, **options) -> list[dict]:
    name = f"{folder.parent.name}/{folder.name}"
    models = folder.parent.parent
    command = ["node", SCRIPT, modules, models, name, json.dumps(options), *pictures]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> list[Path]:
    """Larger than the network's images, as photos are."""
    folder = tmp_path_factory.mktemp("photos")
    paths = [folder / f"{at}.png" for at in range(6)]
    for at, path in enumerate(paths):
        draw(CLASSES[at % 3], 70 + at, (150 + 7 * at, 190)).save(path)
    return paths


def test_it_gives_the_same_scores_for_the_same_pixels(modules, shapes, photos):
    model = load_model(shapes)
    for said in classify(modules, shapes, photos):
        pixels = torch.tensor(said["pixels"]).reshape(said["shape"])
        expected = model.outputs(pixels)["label"].softmax(1)[0].tolist()
        scores = {each["label"]: each["score"] for each in said["answers"]}
        found = [scores[name] for name in model.targets[0].classes]
        # Another build of ONNX Runtime, in float32.
        assert found == pytest.approx(expected, abs=1e-5)


def test_its_own_preprocessing_leads_to_the_same_class(modules, shapes, photos, ask):
    model = load_model(shapes)
    expected = ask(model, photos).softmax(1)
    for said, wanted in zip(classify(modules, shapes, photos), expected, strict=True):
        best = said["answers"][0]
        assert best["label"] == model.targets[0].classes[wanted.argmax()]
        # Its resizing is Lanczos', where the network was trained with another filter.
        assert best["score"] == pytest.approx(wanted.max().item(), abs=0.1)


@pytest.mark.parametrize(
    ("dtype", "file"), [("fp16", "model_fp16.onnx"), ("int8", "model_int8.onnx")]
)
def test_a_precision_is_found_under_its_name(modules, shapes, tmp_path, photos, dtype, file):
    folder = shutil.copytree(shapes, tmp_path / "me" / "one")
    (folder / "onnx" / "model.onnx").rename(folder / "onnx" / file)
    assert write_interchange(folder).dtypes == (dtype,)
    (said,) = classify(modules, folder, photos[:1], dtype=dtype)
    assert {each["label"] for each in said["answers"]} == {*CLASSES}
    with pytest.raises(RuntimeError, match=r"onnx/model\.onnx"):
        classify(modules, folder, photos[:1])


def test_its_pipeline_wants_to_be_told_a_type_that_it_knows(modules, shapes, hub, tmp_path):
    """The reason for a line in every card; transformers would not load what has a `model_type`."""
    hub.commit("me/shapes", {"config.json": shapes / "config.json"})
    source = f"""import {{ pipeline }} from "{PACKAGE}";
        await pipeline("image-classification", "me/shapes");"""
    done = run_in_node(source, tmp_path, os.environ)
    assert done.returncode
    assert "Unsupported model type: null" in done.stderr
