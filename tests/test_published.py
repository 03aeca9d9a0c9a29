"""A model is pushed as a user pushes it, and every snippet of its card loads it from there.

The sources are executed as they stand in the README.md that lies on the Hub, each in a process of
its own and in a folder with nothing but a photo. Their environment names the Hub on loopback and an
empty home. transformers.js alone does not hear HF_ENDPOINT: a module that is loaded before the
source says it (`tests/hub/point_at_hub.mjs`).
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from PIL import ExifTags, Image

from tests.conftest import draw
from tests.hub.card import check_card
from tests.hub.node import run_in_node
from tests.hub.server import HubServer
from zoo.inputs.image import preprocess, read_image, to_tensor
from zoo.model import load_model

pytestmark = pytest.mark.slow

REPO = "alice/shapes"
ROOT = Path(__file__).parents[1]
ZOO = (sys.executable, "-m", "cli.main")
FENCE = re.compile(r"```(?:python|js)\n(.*?)```", re.DOTALL)
NAME, SCORE = r"(?P<name>\w+)", r"(?P<score>[\d.e-]+)"

SIGNS = {
    "zoo": "zoo.load_model",
    "timm": "timm.create_model",
    "transformers": "from transformers import",
    "onnxruntime": "onnxruntime.InferenceSession",
    "transformers.js": "@huggingface/transformers",
}
"""What only the source for a tool has in it."""
PRINTED = {
    "zoo": rf"\('{NAME}', {SCORE}\)",
    "timm": rf"{SCORE}  {NAME}",
    "transformers": rf"'label': '{NAME}', 'score': {SCORE}",
    "onnxruntime": rf"{SCORE}  {NAME}",
    "transformers.js": rf"label: '{NAME}', score: {SCORE}",
}
"""How a source prints a class."""
TOLERANCES = {
    "zoo": 1e-5,
    "timm": 0.02,
    "transformers": 0.02,
    "onnxruntime": 6e-4,
    "transformers.js": 0.15,
}
"""Of a probability that is near no end. Zoo sums in another order (1e-7), ONNX Runtime's source
prints three digits, timm and transformers resize 8-bit pixels (0.011 measured), and transformers.js
does so by another filter (0.107)."""

BY_HAND = f"""
import torch
from PIL import Image, ImageOps
from transformers import AutoImageProcessor, AutoModelForImageClassification

processor = AutoImageProcessor.from_pretrained("{REPO}")
model = AutoModelForImageClassification.from_pretrained("{REPO}").eval()
image = ImageOps.exif_transpose(Image.open("photo.jpg"))
with torch.inference_mode():
    logits = model(**processor(image, return_tensors="pt")).logits[0]
for at, probability in enumerate(logits.softmax(0).tolist()):
    print(dict(label=model.config.id2label[at], score=probability))
"""


@dataclass(frozen=True, kw_only=True)
class Published:
    """A model on a Hub, and what somebody needs who reads its page."""

    hub: HubServer
    card: str
    environment: dict[str, str]
    """Of somebody who is not logged in."""
    photo: Path
    expected: dict[str, float]
    """Each class's probability, by the network that was trained."""


@pytest.fixture(scope="module")
def published(finished, tmp_path_factory) -> Published:
    """The finished run, exported in three precisions and pushed by the command line."""
    folder = tmp_path_factory.mktemp("published")
    shutil.copytree(finished.path, folder / "run")
    photo = take_photo(folder / "photo.jpg")
    bits = ("--precision", "fp16", "--precision", "int8", "--calibration-images", "8")
    with HubServer() as hub:
        reader = environment_of(hub, folder)
        author = reader | {"HF_TOKEN": hub.accounts.token("alice")}
        call(
            [*ZOO, "export", "run", "--golden", "edges", "--max-drop", "10", *bits], folder, reader
        )
        call([*ZOO, "push", "run", REPO], folder, author)
        yield Published(
            hub=hub,
            card=hub.content(REPO)["README.md"].decode(),
            environment=reader,
            photo=photo,
            expected=ask(finished.model_folder, photo),
        )
        hub.assert_no_leak()


def take_photo(path: Path) -> Path:
    """Draw what a camera left on its side, and what no network can be all sure of."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    shapes = (draw(kind, number, (300, 380)) for kind, number in (("stripes", 71), ("discs", 72)))
    Image.blend(*shapes, 0.7).save(path, exif=exif, quality=95)
    return path


def environment_of(hub: HubServer, home: Path) -> dict[str, str]:
    """Leave out what of the tester's own environment would be heard."""
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HF_", "HUGGING_FACE_")) and not name.lower().endswith("_proxy")
    }
    homes = {name: str(home / name) for name in ("HF_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")}
    return own | homes | {"HF_ENDPOINT": hub.address, "PYTHONPATH": str(ROOT)}


def call(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    """Run a command and return what it prints."""
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def ask(folder: Path, photo: Path) -> dict[str, float]:
    model = load_model(folder)
    pixels = preprocess(to_tensor(read_image(photo)), model.preprocess)
    (logits,) = model.outputs(pixels[None]).values()
    return dict(zip(model.targets[0].classes, logits[0].softmax(0).tolist(), strict=True))


def find_source(published: Published, tool: str) -> str:
    (found,) = [source for source in FENCE.findall(published.card) if SIGNS[tool] in source]
    return found


def run_source(source: str, tool: str, published: Published, folder: Path) -> dict[str, float]:
    """Run a source beside the photo; first the command that its first line may be."""
    shutil.copy(published.photo, folder)
    if tool == "transformers.js":
        done = run_in_node(source, folder, published.environment)
        assert done.returncode == 0, done.stderr
        printed = done.stdout
    else:
        command = re.match(r"# zoo (.+)\n", source)
        if command:
            call([*ZOO, *shlex.split(command[1])], folder, published.environment)
        (folder / "snippet.py").write_text(source)
        printed = call([sys.executable, "snippet.py"], folder, published.environment)
    found = re.finditer(PRINTED[tool], printed)
    return {one["name"]: float(one["score"]) for one in found}


def best(scores: dict[str, float]) -> str:
    return max(scores, key=scores.__getitem__)


@pytest.mark.parametrize("tool", list(SIGNS))
def test_a_snippet_of_the_card_answers_as_the_trained_network(published, tool, tmp_path):
    found = run_source(find_source(published, tool), tool, published, tmp_path)
    assert best(found) == best(published.expected)
    assert found == pytest.approx(published.expected, abs=TOLERANCES[tool])


def test_transformers_own_classes_answer_as_the_trained_network(published, tmp_path):
    found = run_source(BY_HAND, "transformers", published, tmp_path)
    assert best(found) == best(published.expected)
    assert found == pytest.approx(published.expected, abs=TOLERANCES["transformers"])


@pytest.mark.parametrize("dtype", ["fp16", "int8"])
def test_transformers_js_takes_the_precision_that_the_card_names(published, dtype, tmp_path):
    assert "`dtype` may also be `fp16` or `int8`." in published.card
    source = find_source(published, "transformers.js").replace('"fp32"', f'"{dtype}"')
    found = run_source(source, "transformers.js", published, tmp_path)
    assert published.hub.log.of("GET", f"*/onnx/model_{dtype}.onnx")
    assert best(found) == best(published.expected)
    # int8 rounds every layer.
    assert found == pytest.approx(published.expected, abs=0.2)


def test_the_hub_accepts_the_published_card(published, hub):
    found = check_card(published.card)
    assert (found.errors, found.warnings) == ((), ())
    ModelCard(published.card).validate()
    assert published.hub.log.of("POST", "/api/validate-yaml")
