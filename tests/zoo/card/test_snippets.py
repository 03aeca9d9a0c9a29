"""The snippets run as they stand in the card; only where the repository lies is another."""

import os
import re
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import ExifTags, Image, ImageFilter

from tests.conftest import draw
from tests.export.small_models import KIND, TAGS
from tests.hub.node import run_in_node
from tests.zoo.card.made_up import ONNX, MadeUp, change_config, make_run
from zoo.card import render_card
from zoo.hub.interchange.layout import names_of_outputs
from zoo.inputs.image import preprocess, read_image, to_tensor
from zoo.recipes import HeadRecipe
from zoo.targets import LabelsTarget

FENCE = re.compile(r"```(?:python|js)\n(.*?)```", re.DOTALL)
REPO, NAME = "acme/shapes", "shapes"
SIZES = ((80, 72), (41, 97))


def find_snippet(text: str, sign: str) -> str:
    """Find the only source in a card that has this in it."""
    (found,) = [source for source in FENCE.findall(text) if sign in source]
    return found


@pytest.fixture(params=SIZES, ids=str)
def photo(request, tmp_path, monkeypatch):
    """A picture where the snippets look for one, on its side as a camera leaves it."""
    monkeypatch.chdir(tmp_path)
    return save_turned(draw("discs", 3, request.param), tmp_path / "photo.jpg")


def save_turned(picture: Image.Image, path: Path) -> Path:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    picture.save(path, exif=exif)
    return path


def run(source: str, capsys) -> str:
    """Execute a snippet and return what it prints."""
    capsys.readouterr()
    exec(compile(source, "snippet", "exec"), {})
    return capsys.readouterr().out


def run_onnx(made: MadeUp, text: str, monkeypatch, capsys) -> str:
    def fetch(repo, allow_patterns):
        assert (repo, allow_patterns) == (REPO, "onnx/model.onnx*")
        return str(made.folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)
    return run(find_snippet(text, "onnxruntime.InferenceSession"), capsys)


def answer(made: MadeUp, photo) -> list[torch.Tensor]:
    """Run the very file on what zoo makes of the photo."""
    session = onnxruntime.InferenceSession(
        str(made.folder / ONNX), providers=["CPUExecutionProvider"]
    )
    outputs = session.run(None, {"pixel_values": pixels_of(made, photo).numpy()})
    return [torch.from_numpy(output)[0] for output in outputs]


def pixels_of(made: MadeUp, photo) -> torch.Tensor:
    return preprocess(to_tensor(read_image(photo)), made.model.preprocess)[None]


def ask(made: MadeUp, photo) -> torch.Tensor:
    """Ask the trained network itself, of one target."""
    (outputs,) = made.model.outputs(pixels_of(made, photo)).values()
    return outputs[0]


def told(kind: str, outputs: torch.Tensor) -> torch.Tensor:
    """Turn outputs into what a reader is told: probabilities, or the values."""
    if kind == "value":
        return outputs
    return outputs.sigmoid() if kind == "labels" else outputs.softmax(dim=0)


def figures(printed: str) -> list[float]:
    return [
        float(found) for found in re.findall(r"-?\d+\.\d+(?:e-?\d+)?|-?\d+(?=$)", printed, re.M)
    ]


def test_plain_onnx_runtime_gives_a_classifiers_probabilities(
    runs, card, photo, monkeypatch, capsys
):
    printed = run_onnx(runs["class"], card("class").text, monkeypatch, capsys)
    (logits,) = answer(runs["class"], photo)
    expected, order = logits.softmax(dim=0).sort(descending=True)
    # Three decimals are printed; Pillow and torchvision resize alike to a thousandth of a level.
    assert figures(printed) == pytest.approx(expected.tolist(), abs=6e-4)
    assert printed.split()[1::2] == [KIND.classes[at] for at in order]


def test_plain_onnx_runtime_gives_labels_above_their_thresholds(
    runs, card, photo, monkeypatch, capsys
):
    printed = run_onnx(runs["labels"], card("labels").text, monkeypatch, capsys)
    (logits,) = answer(runs["labels"], photo)
    assert figures(printed) == pytest.approx(logits.sigmoid().tolist(), abs=6e-4)
    given = [line.split()[1] for line in printed.splitlines() if "<- given" in line]
    cuts = zip(TAGS.classes, logits.sigmoid().tolist(), TAGS.cuts, strict=True)
    assert given == [name for name, probability, cut in cuts if probability > cut]


def test_plain_onnx_runtime_gives_values(runs, card, photo, monkeypatch, capsys):
    printed = run_onnx(runs["value"], card("value").text, monkeypatch, capsys)
    assert printed.startswith("age: ")
    (expected,) = answer(runs["value"], photo)
    assert float(printed.split()[1]) == pytest.approx(expected.item(), abs=1e-3)


def test_plain_onnx_runtime_gives_every_answer_of_several(runs, card, photo, monkeypatch, capsys):
    printed = run_onnx(runs["several"], card("several").text, monkeypatch, capsys)
    expected = torch.cat(answer(runs["several"], photo)).tolist()
    found = [float(number) for number in re.findall(r"': (-?[\d.e-]+)", printed)]
    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert [line.split()[0] for line in printed.splitlines()] == ["kind", "tags", "Pose,"]


def test_squashed_images_are_squashed(photo, tmp_path, monkeypatch, capsys):
    made = make_run(tmp_path, KIND, backbone="squeezenet1_1")
    contract = {"size": 64, "resize": 64, "crop_mode": "squash", "interpolation": "bilinear"}
    change_config(made.folder, preprocess=contract | {"mean": [0.4, 0.5, 0.6], "std": [0.2] * 3})
    made = MadeUp(made.run, _load(made))
    text = render_card(made.folder, made.run, repo_id=REPO).text
    printed = run_onnx(made, text, monkeypatch, capsys)
    (logits,) = answer(made, photo)
    expected = logits.softmax(dim=0).sort(descending=True).values
    assert figures(printed) == pytest.approx(expected.tolist(), abs=6e-4)


def _load(made: MadeUp):
    from zoo.model import load_model

    return load_model(made.folder)


def test_zoo_answers_from_a_pulled_folder(runs, card, kind, photo, capsys):
    shutil.copytree(runs[kind].folder, photo.parent / NAME)
    printed = run(find_snippet(card(kind).text, "zoo.load_model"), capsys)
    assert printed.startswith("Prediction(file=")
    for target in runs[kind].model.targets:
        assert repr(target.name) in printed


@pytest.mark.parametrize("kind", ["class", "labels", "value"], indirect=True)
def test_timm_answers_as_zoo_does(runs, card, kind, photo, capsys):
    """A little off: timm resizes 8-bit pixels."""
    made = runs[kind]
    source = find_snippet(card(kind).text, "timm.create_model")
    assert f'"hf-hub:{REPO}"' in source
    printed = run(source.replace(f"hf-hub:{REPO}", f"local-dir:{made.folder}"), capsys)
    expected = told(kind, ask(made, photo))
    if kind == "class":
        expected = expected.sort(descending=True).values
    # Half a level of 255 is 0.004 of a deviation.
    assert figures(printed) == pytest.approx(expected.tolist(), abs=0.01, rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["class", "labels", "value"], indirect=True)
def test_transformers_answers_as_zoo_does(runs, card, kind, photo, capsys):
    made = runs[kind]
    source = find_snippet(card(kind).text, "from transformers")
    assert f'model="{REPO}"' in source
    printed = run(source.replace(REPO, str(made.folder)), capsys)
    expected = told(kind, ask(made, photo))
    found = [float(n) for n in re.findall(r"'score': (-?[\d.e-]+)", printed)]
    assert sorted(found) == pytest.approx(sorted(expected.tolist()), abs=0.01, rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["class", "labels", "value", "hidden"])
def test_transformers_js_answers_as_zoo_does(runs, kind, hub, tmp_path):
    """Of a blurred picture, since its filter is another. It warns only where the card says so."""
    blurred = draw("discs", 3, (90, 130)).filter(ImageFilter.GaussianBlur(6))
    photo = save_turned(blurred, tmp_path / "photo.jpg")
    made = runs.get(kind) or make_run(tmp_path, KIND, head=HeadRecipe(hidden=(16,)))
    text = render_card(made.folder, made.run, repo_id=REPO).text
    hub.commit(REPO, {str(p.relative_to(made.folder)): p for p in made.folder.rglob("*.*")})
    done = run_in_node(find_snippet(text, "@huggingface/transformers"), tmp_path, os.environ)
    assert done.returncode == 0, done.stderr
    expected = told(kind, answer(made, photo)[0])
    names = names_of_outputs(made.model.targets[0])
    patterns = [rf"\b{name}'?(?:, score:)? (-?[\d.e-]+)" for name in names]
    found = [float(re.search(pattern, done.stdout)[1]) for pattern in patterns]
    assert found == pytest.approx(expected.tolist(), abs=0.02, rel=0.02)
    noise = [line for line in done.stderr.splitlines() if "Architecture(s) not found" not in line]
    assert noise == []
    assert ("architecture was not found" in text) == bool(done.stderr)


def test_all_of_many_labels_are_asked_for(tmp_path):
    """transformers would give five."""
    many = LabelsTarget(name="tags", classes=tuple(f"n{at}" for at in range(7)))
    made = make_run(tmp_path, many)
    text = render_card(made.folder, made.run, repo_id=REPO).text
    assert 'classify("photo.jpg", top_k=7)' in text


def test_names_of_a_user_are_in_no_source(card, kind):
    for source in FENCE.findall(card(kind).text):
        assert not re.search(r"stripes|discs|dark|Pose|\bage\b", source)
