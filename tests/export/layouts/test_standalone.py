"""`predict.py` as a deployment has it: without zoo, without torch, beside the model."""

import ast
import json
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from export.encoded import draw_pictures, write_probes
from export.layouts import write_standalone
from export.layouts.standalone import SCRIPT
from tests.export.bare_python import run_without
from zoo.errors import VerificationError
from zoo.inputs.contract import Preprocess
from zoo.inputs.decode import IMAGE_SUFFIXES, is_image
from zoo.inputs.image import preprocess, read_image, to_tensor
from zoo.model import load_model
from zoo.prediction import predict

EVERYTHING_ELSE = ("torch", "torchvision", "timm", "onnx", "zoo", "export", "cli", "safetensors")
RUN = "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"

CONTRACT = Preprocess(
    size=64, resize=75, interpolation="bicubic", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)
)
GREY_LEVELS = 0.02
"""Pillow's and torchvision's float filters differ by 0.014 of 255 at most, over 256 combinations
of sizes and filters; so do ONNX Runtime's and torchvision's."""


@pytest.fixture(scope="module")
def script():
    """Its functions."""
    return runpy.run_path(str(SCRIPT))


@pytest.fixture(scope="module")
def standalone(deployed, tmp_path_factory):
    return write_standalone(deployed, tmp_path_factory.mktemp("standalone") / "photos")


@pytest.fixture(scope="module")
def probes(tmp_path_factory):
    """JPEG, PNG and WebP of every kind that a deployment meets."""
    return write_probes(tmp_path_factory.mktemp("probes"), draw_pictures())


@pytest.fixture(scope="module")
def said(standalone, probes):
    """What it says of them."""
    done = run_without(EVERYTHING_ELSE, RUN, standalone / "predict.py", probes[0].parent)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return {line["file"]: line for line in found}


def test_it_answers_every_kind_of_file_as_the_trained_model_does(said, probes, deployed):
    predictions = list(predict(load_model(deployed), probes))
    assert set(said) == {str(path) for path in probes}
    for found in predictions:
        line, answers = said[str(found.file)], found.answers
        assert line["kind"]["label"] == answers["kind"].label
        # Probabilities: 1e-4 is a thousand times what both pipelines' rounding makes of them.
        assert dict(line["kind"]["top"]) == pytest.approx(dict(answers["kind"].top), abs=1e-4)
        assert line["tags"]["scores"] == pytest.approx(answers["tags"].scores, abs=1e-4)
        assert line["tags"]["labels"] == [name for name, _ in answers["tags"].labels]
        values = answers["Pose, in °"].values
        assert line["Pose, in °"]["values"]["x"] == pytest.approx(values["x"], abs=1e-6)
        assert line["Pose, in °"]["values"]["y"] == pytest.approx(values["y"], abs=0.5)


def test_it_holds_the_script_and_the_proved_model(standalone, deployed):
    assert {path.name for path in standalone.iterdir()} == {"predict.py", "model.onnx"}
    proved = (deployed / "onnx/model.onnx").read_bytes()
    assert (standalone / "model.onnx").read_bytes() == proved


def test_what_cannot_be_read_is_named_and_the_rest_answered(standalone, probes, tmp_path):
    (tmp_path / "text.jpg").write_text("I am no image")
    Image.fromarray(np.zeros((2, 2), np.float32)).save(tmp_path / "float.tif")
    (tmp_path / "empty").mkdir()
    done = run_without(
        EVERYTHING_ELSE, RUN, standalone / "predict.py", tmp_path, tmp_path / "empty", probes[0]
    )
    assert done.returncode == 1
    assert [json.loads(line)["file"] for line in done.stdout.splitlines()] == [str(probes[0])]
    for name in ("text.jpg", "float.tif", "empty"):
        assert str(tmp_path / name) in done.stderr
    assert "Traceback" not in done.stderr


def test_without_arguments_it_says_how_it_is_used(standalone):
    done = run_without(EVERYTHING_ELSE, RUN, standalone / "predict.py")
    assert done.returncode == 1
    assert "python predict.py IMAGE|FOLDER" in done.stderr


def test_pixels_are_the_contracts(script):
    """Numerically, over sizes, filters and both crop modes."""
    rng = np.random.default_rng(0)
    for width, height in [(1, 1), (7, 9), (64, 64), (73, 90), (300, 200), (33, 500), (501, 333)]:
        image = Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
        for interpolation in ("bilinear", "bicubic"):
            for crop_mode, resize in (("center", 75), ("squash", 64), ("center", 64)):
                contract = replace(
                    CONTRACT, interpolation=interpolation, crop_mode=crop_mode, resize=resize
                )
                how = {
                    key: getattr(contract, key)
                    for key in ("size", "resize", "crop_mode", "interpolation", "mean", "std")
                }
                ours = torch.from_numpy(script["prepare"](image, how))[0]
                theirs = preprocess(to_tensor(image), contract)
                torch.testing.assert_close(ours, theirs, rtol=0, atol=GREY_LEVELS / 255)


def test_files_are_decoded_as_training_decoded_them(script, probes):
    """Bit for bit."""
    for path in probes:
        np.testing.assert_array_equal(
            np.asarray(script["read"](path)), np.asarray(read_image(path))
        )


def test_the_same_names_are_images(script):
    names = [f"a{suffix}" for suffix in IMAGE_SUFFIXES] + [
        "B.JPEG",
        "x.txt",
        ".a.png",
        "png",
        "a.b",
    ]

    for name in names:
        assert bool(script["IMAGE"].fullmatch(name)) == is_image(Path(name)), name


def test_it_has_as_many_lines_of_code_as_the_document_says():
    """Without blank ones and docstrings."""
    text = SCRIPT.read_text(encoding="utf-8")
    described = [
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Module | ast.FunctionDef)
        for line in range(node.body[0].lineno, node.body[0].end_lineno + 1)
    ]
    lines = [line for at, line in enumerate(text.splitlines(), 1) if line and at not in described]
    document = Path(__file__).parents[3].joinpath("docs/deployment.md").read_text()
    assert f"{len(lines)} lines of code" in document
    assert len(lines) <= 70


def test_it_reports_nothing_to_the_maker_of_onnx_runtime(standalone, probes, tmp_path, monkeypatch):
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    done = run_without(EVERYTHING_ELSE, RUN, standalone / "predict.py", probes[0])
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.rglob("*"))


def test_an_unproved_model_is_refused_unless_it_is_wanted(far, tmp_path):
    (far / "onnx/verification.json").unlink()
    with pytest.raises(VerificationError):
        write_standalone(far, tmp_path / "m")
    assert (write_standalone(far, tmp_path / "m", unproved=True) / "predict.py").exists()
