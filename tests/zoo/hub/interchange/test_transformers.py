"""transformers itself loads a model folder through its wrapper of timm."""

import shutil

import pytest
import torch

from tests.export.small_models import AGE, KIND, POSE, TAGS, make_model
from zoo.hub.interchange.describe import write_interchange
from zoo.inputs.image import read_image
from zoo.model import load_model

transformers = pytest.importorskip("transformers", reason="transformers is not installed")

TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}
"""Float32 noise: zoo computes in another memory layout, whose sums run in another order."""


@pytest.fixture(autouse=True)
def _silence():
    """No bars and no advice in a test's output."""
    transformers.utils.logging.disable_progress_bar()
    transformers.logging.set_verbosity_error()


@pytest.fixture
def shapes(finished, tmp_path):
    """A trained model's folder, as a push leaves it."""
    folder = shutil.copytree(finished.model_folder, tmp_path / "shapes")
    assert "transformers" in write_interchange(folder).loads
    return folder


def load(place):
    return transformers.AutoModelForImageClassification.from_pretrained(place).eval()


@pytest.mark.parametrize(
    ("backbone", "target", "size"),
    [
        ("efficientnet_lite0", KIND, 64),
        ("vit_tiny_patch16_224.augreg_in21k_ft_in1k", TAGS, 96),
        ("resnet18", POSE, 64),
        ("convnextv2_atto.fcmae_ft_in1k", KIND, 64),
    ],
)
def test_the_wrapper_gives_the_models_own_outputs(tmp_path, backbone, target, size):
    """Also of a network rebuilt for another size, and with tensors called gamma."""
    model = make_model(tmp_path / "m", target, backbone=backbone, size=size)
    write_interchange(tmp_path / "m")
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = load(tmp_path / "m")(images).logits
    torch.testing.assert_close(found, model.outputs(images)[target.name], **TOLERANCE)


def test_its_image_processor_leads_to_the_same_class(shapes, pictures, ask):
    model = load_model(shapes)
    processor = transformers.AutoImageProcessor.from_pretrained(shapes)
    images = processor([read_image(path) for path in pictures], return_tensors="pt")
    with torch.no_grad():
        found = load(shapes)(**images).logits
    expected = model.outputs(images["pixel_values"])["label"]
    torch.testing.assert_close(found, expected, **TOLERANCE)
    assert found.argmax(1).tolist() == ask(model, pictures).argmax(1).tolist()


def test_a_pipeline_answers_from_files_as_zoo_does(shapes, pictures, ask):
    model = load_model(shapes)
    classify = transformers.pipeline("image-classification", model=str(shapes))
    said = classify([str(path) for path in pictures])
    probabilities = ask(model, pictures).softmax(1)
    classes = model.targets[0].classes
    for answers, expected in zip(said, probabilities, strict=True):
        assert answers[0]["label"] == classes[expected.argmax()]
        scores = {each["label"]: each["score"] for each in answers}
        assert [scores[name] for name in classes] == pytest.approx(expected.tolist(), abs=0.05)


def test_a_pipeline_takes_each_kind_for_what_it_is(tmp_path, pictures, ask):
    picture = pictures[0]
    for target, as_said in ((TAGS, torch.sigmoid), (AGE, lambda outputs: outputs)):
        folder = tmp_path / target.name
        model = make_model(folder, target, backbone="efficientnet_lite0")
        write_interchange(folder)
        classify = transformers.pipeline("image-classification", model=str(folder))
        said = {each["label"]: each["score"] for each in classify(str(picture))}
        names = target.classes if target is TAGS else target.columns
        expected = as_said(ask(model, [picture])[0]).tolist()
        assert [said[name] for name in names] == pytest.approx(expected, rel=0.02)


def test_from_a_hub_it_answers_alike(hub, shapes, pictures, ask):
    """There the image processor is made from preprocessor_config.json."""
    hub.commit("me/shapes", {f.name: f for f in shapes.iterdir() if f.is_file()})
    model = load_model(shapes)
    processor = transformers.AutoImageProcessor.from_pretrained("me/shapes")
    assert type(processor).__name__.startswith("CLIPImageProcessor")
    images = processor([read_image(path) for path in pictures], return_tensors="pt")
    with torch.no_grad():
        found = load("me/shapes")(**images).logits
    assert found.argmax(1).tolist() == ask(model, pictures).argmax(1).tolist()


def test_what_it_cannot_load_is_refused_and_not_made_up(tmp_path):
    make_model(tmp_path / "m", KIND, backbone="squeezenet1_1")
    assert "transformers" not in write_interchange(tmp_path / "m").loads
    with pytest.raises(ValueError, match="torchvision_squeezenet1_1"):
        load(tmp_path / "m")
